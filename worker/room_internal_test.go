package worker

import (
	"runtime"
	"runtime/debug"
	"testing"
	"unsafe"

	"github.com/stretchr/testify/require"
)

// deep uses so many frames of 8 KiB, as the SDK does where it walks messages.
//
//go:noinline
func deep(frames int) byte {
	var frame [8 << 10]byte
	if frames == 0 {
		return frame[0]
	}
	return frame[frames] + deep(frames-1)
}

func TestTask_of_a_process_has_room_before_it_begins(t *testing.T) {
	runtime.GC() // another collection might make the stack small again
	percent := debug.SetGCPercent(-1)
	defer debug.SetGCPercent(percent)
	moved := func(prepare func()) bool {
		result := make(chan bool)
		go func() {
			prepare()
			var here byte
			before := uintptr(unsafe.Pointer(&here))
			deep(4)
			result <- uintptr(unsafe.Pointer(&here)) != before
		}()
		return <-result
	}
	slots := newRoomyTuner().GetWorkflowTaskSlotSupplier()
	require.True(t, moved(func() {}), "a stack that begins small has to grow")
	require.False(t, moved(func() { slots.MarkSlotUsed(nil) }), "room was made before")
	require.Equal(t, 1000, slots.MaxSlots(), "as many slots as by default")
}
