package main

import (
	"encoding/json"
	"fmt"
	"io"
	"text/tabwriter"
	"time"
)

// findings is all that one run found.
type findings struct {
	Findings []finding  `json:"findings"`
	Start    *beginning `json:"start,omitempty"`
}

func (f *findings) print(out io.Writer, asJSON bool) error {
	if asJSON {
		encoder := json.NewEncoder(out)
		encoder.SetIndent("", "  ")
		return encoder.Encode(f)
	}
	table := tabwriter.NewWriter(out, 0, 4, 2, ' ', 0)
	row := func(format string, args ...any) { _, _ = fmt.Fprintf(table, format+"\n", args...) }
	row("STORE\tPATH\tAGAINST\tRATIO\tAIM\tCPU/REQUEST\tBARE\tREQUESTS/s\tBARE\tP50\tP99\tBARE P50\tP99\tBUSY\tBARE")
	for _, x := range f.Findings {
		p, b := x.Product, x.Bare
		row("%s\t%s\t%s\t%.2f\t%s\t%s\t%s\t%.0f\t%.0f\t%s\t%s\t%s\t%s\t%.0f%%\t%.0f%%", x.Store, x.Scenario, b.Name, x.Ratio, aim(x),
			micro(p.CPU), micro(b.CPU), p.Rate, b.Rate, milli(p.P50), milli(p.P99), milli(b.P50), milli(b.P99), 100*p.Busy, 100*b.Busy)
	}
	if s := f.Start; s != nil {
		row("\ndemo ready after %s, %d MB when idle; a token refused %s after its revocation was sent, a WebSocket closed after %s",
			milli(s.Ready), s.Resident>>20, s.Revoked, s.Cut)
	}
	return table.Flush()
}

func aim(x finding) string {
	switch {
	case x.Aim == 0:
		return "–"
	case x.Ratio < x.Aim:
		return fmt.Sprintf("%.2f missed", x.Aim)
	}
	return fmt.Sprintf("%.2f", x.Aim)
}

func micro(d time.Duration) string {
	return fmt.Sprintf("%.1f µs", float64(d)/float64(time.Microsecond))
}
func milli(d time.Duration) string {
	return fmt.Sprintf("%.2f ms", float64(d)/float64(time.Millisecond))
}
