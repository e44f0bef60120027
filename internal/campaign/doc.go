// Package campaign decides whom to ask, when and by which channel: the rules of surveys, follow-ups and campaigns, and
// the pace at which they leave.
//
// Everything here is a pure function of its arguments: time is one of them. A campaign that runs, a reminder, a follow-up
// after an event and a forecast ask the same Decide, so that a forecast is what a run would do.
//
// What a recipient's clock reads at an instant decides about windows and quiet hours. Readings that daylight saving skips
// never come; of those that it repeats, both count. Instants may be given in any zone and are returned in UTC.
package campaign
