// Package survey is the pure side of surveys: what is asked, which answers fit, and what the answers add up to. It knows
// neither clock nor database.
//
// A Document (policy kind `survey`) holds the templates, each in all of its languages. Document.Check says what forbids its
// publication; Compile makes the Book that invitations and pages work with, by the version that they began with.
//
// Conditions. A question may be asked only when a condition over the answers to earlier questions holds. Its language is
// CEL cut down to comparisons, so nothing in it can fail, loop or be slow. An answer that was not given makes nothing true:
// a condition holds only if the answers that there are make it so whatever the others would be. Therefore one more answer
// never hides a question, and the finite answers to scores and choices let Document.Check prove that every question can be
// reached.
//
// Scores. CSAT, NPS, CES, Gap and ResponseRate turn counts per value into a Figure with its 95 % interval, and show none
// below the minimum of answers. Satisfaction is what was perceived less what was expected (F-20); both are kept.
package survey
