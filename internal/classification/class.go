package classification

import "slices"

// Class is the grade of a client. The empty class is that of a client who has none yet.
type Class string

// The classes, the best first (M-10).
const (
	ClassS Class = "S" // strategic
	ClassA Class = "A" // partner
	ClassB Class = "B"
	ClassC Class = "C"
)

// Classes lists the classes, the best first.
func Classes() []Class { return []Class{ClassS, ClassA, ClassB, ClassC} }

// Valid reports whether c is one of the classes.
func (c Class) Valid() bool { return slices.Contains(Classes(), c) }

// Key reports whether a client of the class is a key client (M-11).
func (c Class) Key() bool { return c == ClassS || c == ClassA }

// Better reports whether c is a better class than the other; every class is better than none.
func (c Class) Better(than Class) bool { return c.rank() > than.rank() }

// rank is 3 for S down to 0 for C, and -1 for what is no class.
func (c Class) rank() int {
	all := Classes()
	if i := slices.Index(all, c); i >= 0 {
		return len(all) - 1 - i
	}
	return -1
}
