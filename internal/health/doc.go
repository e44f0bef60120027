// Package health is the pure side of the health of a client: a score from 0 to 100 that is the sum of dated facts under the
// rules of a policy (kind `health`). It knows neither clock nor database.
//
// Facts are a set. Merge takes them in any order and any number of times, the higher Seq of an ID wins, and the order of the
// set is its own. So signals may come late, twice or crossed.
//
// Every point has a reason. Policy.Score returns the base and what each fact counts, with the name of the rule; the points
// of these contributions always sum to exactly the score. Every rule has a window, after which a fact counts no more, and a
// cap, so that volume alone never raises health.
package health
