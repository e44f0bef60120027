package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// parts of the stand whose CPU is told apart, in the order in which they are told.
var partNames = []string{product, rawWorker, "database", "engine", "callers"}

// cpuTimes is CPU time by part.
type cpuTimes map[string]time.Duration

func (t cpuTimes) minus(o cpuTimes) cpuTimes {
	d := cpuTimes{}
	for name, v := range t {
		d[name] = v - o[name]
	}
	return d
}

func (t cpuTimes) plus(o cpuTimes) cpuTimes {
	sum := cpuTimes{}
	for _, times := range []cpuTimes{t, o} {
		for name, v := range times {
			sum[name] += v
		}
	}
	return sum
}

func (t cpuTimes) sum() (sum time.Duration) {
	for _, v := range t {
		sum += v
	}
	return sum
}

// per tells the CPU time of each part per call.
func (t cpuTimes) per(calls int) string {
	if calls == 0 || len(t) == 0 {
		return "not known on this system"
	}
	var texts []string
	for _, name := range partNames {
		if each := t[name] / time.Duration(calls); each >= 50*time.Microsecond {
			texts = append(texts, fmt.Sprintf("%s %.1f", name, each.Seconds()*1000))
		}
	}
	return fmt.Sprintf("%.1f ms (%s)", t.sum().Seconds()*1000/float64(calls), strings.Join(texts, ", "))
}

// cpu is the CPU time that the parts have used so far; empty where there is no /proc.
func (s *stand) cpu() cpuTimes {
	times := cpuTimes{}
	files, _ := filepath.Glob("/proc/[0-9]*/stat") // fails on a bad pattern only
	pids := map[int]string{os.Getpid(): "callers"}
	for name, pid := range s.pids {
		pids[pid] = name
	}
	for _, file := range files {
		st, ok := readStat(file)
		if !ok {
			continue
		}
		name, is := pids[st.pid]
		if !is && pids[st.parent] == "database" { // a session of the database is a process of its own
			name, is = "database", true
		}
		if is {
			times[name] += st.own
			if name == "database" && st.pid == s.pids["database"] {
				times[name] += st.ended
			}
		}
	}
	return times
}

// settle waits, for half a minute at most, until all parts together take less than a tenth of a processor.
func (s *stand) settle(ctx context.Context) error {
	for range 30 {
		before := s.cpu()
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(time.Second):
		}
		if s.cpu().minus(before).sum() < 100*time.Millisecond {
			break
		}
	}
	return nil
}

// procStat is what is needed of /proc/<pid>/stat.
type procStat struct {
	pid, parent int
	own, ended  time.Duration // of the process, and of its children that have ended
}

// clockTick is the kernel's unit of CPU time in /proc: 100 a second on every platform that Go runs on.
const clockTick = 10 * time.Millisecond

func readStat(file string) (procStat, bool) {
	text, err := os.ReadFile(file)
	if err != nil {
		return procStat{}, false // it has ended meanwhile
	}
	return parseStat(string(text))
}

// parseStat reads a line of /proc/<pid>/stat. The name of the program stands in brackets and may contain anything.
func parseStat(text string) (procStat, bool) {
	before, _, found := strings.Cut(text, " (")
	end := strings.LastIndex(text, ") ")
	if !found || end < 0 {
		return procStat{}, false
	}
	fields := strings.Fields(text[end+2:])
	if len(fields) < 15 {
		return procStat{}, false
	}
	var numbers [6]int64
	for i, field := range []string{before, fields[1], fields[11], fields[12], fields[13], fields[14]} {
		n, err := strconv.ParseInt(field, 10, 64)
		if err != nil {
			return procStat{}, false
		}
		numbers[i] = n
	}
	return procStat{
		pid: int(numbers[0]), parent: int(numbers[1]),
		own: time.Duration(numbers[2]+numbers[3]) * clockTick, ended: time.Duration(numbers[4]+numbers[5]) * clockTick,
	}, true
}

// memory is the resident memory of a process in bytes; 0 where there is no /proc.
func memory(pid int) int64 {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(text))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
