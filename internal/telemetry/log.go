// Package telemetry is how the process tells what it does: log lines, metrics, traces.
//
// Laws: log lines go to standard error and hold no secret and no personal data; metric labels
// are bounded (a route name, a method, a status class, never an id or a path); traces are off
// unless an endpoint is configured.
package telemetry

import (
	"io"
	"log/slog"
	"os"
	"strings"
)

// Logger makes the process's logger. Format is "json", "text" or "auto" (text on a terminal).
func Logger(out io.Writer, format, level string) *slog.Logger {
	options := &slog.HandlerOptions{Level: parseLevel(level), ReplaceAttr: utc}
	if format == "text" || (format == "auto" && Terminal(out)) {
		return slog.New(slog.NewTextHandler(out, options))
	}
	return slog.New(slog.NewJSONHandler(out, options))
}

func parseLevel(text string) slog.Level {
	var level slog.Level
	if level.UnmarshalText([]byte(text)) != nil {
		return slog.LevelInfo
	}
	return level
}

func utc(groups []string, a slog.Attr) slog.Attr {
	if len(groups) == 0 && a.Key == slog.TimeKey {
		a.Value = slog.TimeValue(a.Value.Time().UTC())
	}
	return a
}

// Terminal reports whether out is a terminal that may be given colours and live progress.
func Terminal(out io.Writer) bool {
	file, ok := out.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || strings.EqualFold(os.Getenv("TERM"), "dumb") {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
