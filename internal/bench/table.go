package main

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// line is one line of the table.
type line struct {
	measure string
	figure  string
	bar     string // empty: there is none, the line explains another
	met     bool
}

// printTable writes the lines as a table in Markdown, so that it can be put into a document as it is.
func printTable(out io.Writer, lines []line) error {
	w := tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)
	fmt.Fprintln(w, "| measure\t| figure\t| bar\t| met\t|")
	fmt.Fprintln(w, "| ---\t| ---\t| ---\t| ---\t|")
	for _, l := range lines {
		met := ""
		if l.bar != "" {
			met = map[bool]string{true: "yes", false: "no"}[l.met]
		}
		fmt.Fprintf(w, "| %s\t| %s\t| %s\t| %s\t|\n", l.measure, l.figure, l.bar, met)
	}
	return w.Flush()
}
