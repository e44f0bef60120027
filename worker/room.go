package worker

import sdkworker "go.temporal.io/sdk/worker"

// roomyTuner lets the tasks of processes begin with room on their stacks.
type roomyTuner struct{ sdkworker.WorkerTuner }

// newRoomyTuner returns a tuner with as many slots as the SDK gives by default.
func newRoomyTuner() sdkworker.WorkerTuner {
	t, err := sdkworker.NewFixedSizeTuner(sdkworker.FixedSizeTunerOptions{})
	if err != nil { // it refuses numbers of slots, and we give none
		panic(err)
	}
	return roomyTuner{t}
}

func (t roomyTuner) GetWorkflowTaskSlotSupplier() sdkworker.SlotSupplier {
	return roomySlots{t.WorkerTuner.GetWorkflowTaskSlotSupplier()}
}

// roomySlots gives each task room on its stack before the work begins: a goroutine of its own works on it, and the SDK walks its
// messages in a recursion whose frames have 8 KiB. A stack that grows under that is copied four times with all its frames, which
// took a sixteenth of the program's CPU time for a command.
type roomySlots struct{ sdkworker.SlotSupplier }

// MarkSlotUsed is called by the goroutine of the task, first of all.
func (s roomySlots) MarkSlotUsed(info sdkworker.SlotMarkUsedInfo) {
	s.SlotSupplier.MarkSlotUsed(info)
	makeRoom(0)
}

// makeRoom lets the stack of its goroutine grow at once, while hardly anything is on it. Which byte it reads is not known to the
// compiler, which would leave the rest out otherwise.
//
//go:noinline
func makeRoom(at int) byte {
	var room [48 << 10]byte
	return room[at]
}
