// Package cadence says how often a client must hear from us and what else of a relationship falls due when: contacts and
// their breadth, assessments, the weekly minimum of a person, log-ins, and the levels of relation.
//
// Everything here is a pure function of its arguments: time is one of them, and the order in which facts arrive is not.
// Lengths between contacts are periods of the wall calendar in the zone of the policy's calendar; what a person is given to
// act in is working time, a day being a working day. Instants may be given in any zone and are returned in UTC.
package cadence
