// Package approval decides approval chains: who must be asked, who may do what now, and what follows from it. It is pure:
// no I/O, no clock, no chance; every function is told the time, the people and the rules for deputies.
//
// A policy document of kind `approval` holds the chains. A chain selects the steps of a request by conditions over typed
// facts; the steps whose own condition holds are the path, fixed until the requester changes the facts.
//
//	             ┌──────────────── resubmit (walk again, or resume) ─────────────┐
//	             ▼                                                               │
//	New ─► step 1 ─► step 2 ─► … ─► approved         return ──────────► requester
//	          │          │ ▲                            ▲                   │
//	          │          └─┴─ return to an earlier step │                   │
//	          ├── reject ───────────────────────────────┴─► rejected        │
//	          └── withdraw ─────────────────────────────────► withdrawn ◄───┘
//
// Visits. Each time a step opens, it is a Visit with its participants. A return makes visits void: they stay visible and
// never count again. Exactly one visit is active until there is an outcome; while the request is with its requester, that
// is a visit of the step "requester".
//
// Participants. A participant holds a seat of the step, or was added to one: before (decides first), after (decides after
// the holder approved), parallel (a seat of its own) or for an opinion (advises, decides nothing). What is open is never
// stored but follows from the decisions, so that taking a decision back restores exactly what was open before it. A person
// decides at most once in a visit, whether for themselves or for somebody else.
//
// Standbys. Others may decide a seat in its holder's name: deputies under a rule in its window, and superiors to whom an
// overdue seat was escalated. Who has an interest in the request (its requester, and whom the request names as interested)
// is never a participant and never stands by.
//
// The clock. Every participant has their own due time, from the moment at which they are asked. NextCheckpoint is the one
// instant to wake up at; the command tick does what is due by then.
package approval
