package importer

import (
	"fmt"
	"io"
	"time"

	"github.com/schollz/progressbar/v3"
)

// progressEvery is how often a line is written where no bar can be drawn.
const progressEvery = 5 * time.Second

// Progress shows how far an import is: as a bar on a terminal, as a line now and then elsewhere.
type Progress struct {
	w      io.Writer
	bar    *progressbar.ProgressBar // nil: lines
	total  int
	counts Summary
	last   time.Time
}

// NewProgress returns the progress of an import of so many rows.
func NewProgress(w io.Writer, terminal bool, total int) *Progress {
	p := &Progress{w: w, total: total, last: time.Now()}
	if terminal {
		p.bar = progressbar.NewOptions(total, progressbar.OptionSetWriter(w), progressbar.OptionShowCount(),
			progressbar.OptionShowIts(), progressbar.OptionSetItsString("rows"), progressbar.OptionSetPredictTime(true),
			progressbar.OptionThrottle(100*time.Millisecond), progressbar.OptionClearOnFinish(), progressbar.OptionSetWidth(30))
	}
	return p
}

// Note counts a row. What cannot be shown is not worth an error.
func (p *Progress) Note(r Result) {
	p.counts.count(r)
	if p.bar != nil {
		_ = p.bar.Add(1)
		return
	}
	if time.Since(p.last) >= progressEvery {
		p.last = time.Now()
		_, _ = fmt.Fprintf(p.w, "%d/%d rows: %d created, %d already there, %d left out, %d failed\n",
			p.counts.Rows, p.total, p.counts.Created, p.counts.Already, p.counts.Skipped, p.counts.Failed)
	}
}

// Clear takes the bar away, so that a line can be written.
func (p *Progress) Clear() {
	if p.bar != nil {
		_ = p.bar.Clear()
	}
}
