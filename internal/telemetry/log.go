// Package telemetry is how the process tells what it does: log lines, metrics, traces.
//
// Laws: log lines go to standard error and hold no secret and no personal data; metric labels
// are bounded (a route name, a method, a status class, never an id or a path); traces are off
// unless an endpoint is configured.
package telemetry

import (
	"context"
	"io"
	"log/slog"
	"os"
	"strings"
)

// Logger makes the process's logger. Format is "json", "text" or "auto" (text on a terminal).
// What is logged at warn and above is written at once, with all before it, if out is [Lines].
func Logger(out io.Writer, format, level string) *slog.Logger {
	options := &slog.HandlerOptions{Level: parseLevel(level)}
	lines, _ := out.(*Lines)
	if format == "text" || (format == "auto" && Terminal(out)) {
		return slog.New(handler{slog.NewTextHandler(out, options), lines})
	}
	return slog.New(handler{slog.NewJSONHandler(out, options), lines})
}

func parseLevel(text string) slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(text)) != nil {
		return slog.LevelInfo
	}
	return level
}

// handler tells times in UTC, and lets nothing important wait.
type handler struct {
	slog.Handler
	lines *Lines // nil = nothing waits
}

func (h handler) Handle(ctx context.Context, r slog.Record) error {
	r.Time = r.Time.UTC()
	err := h.Handler.Handle(ctx, r)
	if h.lines != nil && r.Level >= slog.LevelWarn {
		h.lines.Flush()
	}
	return err
}

func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs), h.lines}
}

func (h handler) WithGroup(name string) slog.Handler {
	return handler{h.Handler.WithGroup(name), h.lines}
}

// Terminal reports whether out is a terminal that may be given colours and live progress.
func Terminal(out io.Writer) bool {
	if lines, ok := out.(*Lines); ok {
		out = lines.out
	}
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || strings.EqualFold(os.Getenv("TERM"), "dumb") {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
