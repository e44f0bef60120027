package temporalx

import "sync"

// FirstSteps brings word of a process's first step to whoever has started the process, when both happen in this program. The
// zero value is ready for use, by many at once.
type FirstSteps struct {
	awaited sync.Map // workflow id → chan error
}

// await returns where the word of the process's first step will arrive, and what ends the waiting; nil if somebody in this
// program waits for it already.
func (f *FirstSteps) await(workflowID string) (word <-chan error, end func()) {
	ch := make(chan error, 1)
	if _, taken := f.awaited.LoadOrStore(workflowID, ch); taken {
		return nil, func() {}
	}
	return ch, func() { f.awaited.Delete(workflowID) }
}

// Taken tells that the first step of the process has been written, or, by err, why it was refused: an ApplicationError.
func (f *FirstSteps) Taken(workflowID string, err error) {
	if ch, ok := f.awaited.LoadAndDelete(workflowID); ok {
		ch.(chan error) <- err // it has room for the one word
	}
}
