// Package responsibility is the pure side of who answers for what in the care of a client (policy kind `responsibility`,
// D-22): for each business item one post that does it, those that assist, the first and the other monitors, and to whom each
// of them reports. It knows neither clock nor database.
//
// The matrix speaks of posts; Policy.Assign turns the row of an item into people. Whoever the client has for a post comes
// first, then who holds the post in the organisation, then the nearest active manager. A monitor is never a doer:
// Document.Check holds this of posts, and Assign of people.
package responsibility
