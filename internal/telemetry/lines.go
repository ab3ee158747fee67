package telemetry

import (
	"io"
	"sync"
	"time"
)

const (
	linesWait = 100 * time.Millisecond // how long a line may be kept at most
	linesRoom = 32 << 10               // bytes that are gathered at most
)

// Lines gathers log lines and writes them together, so that a request does not pay for a system
// call of its own. Every line is out after a tenth of a second. None is dropped: whoever fills
// the room writes it out. A process that is killed loses what it gathered; what has to survive
// that is an event in the store, never a log line.
type Lines struct {
	out io.Writer

	mu       sync.Mutex // guards what follows, and the order of what is written
	gathered []byte
	timer    *time.Timer
	closed   bool
}

// NewLines gathers lines for out; whoever made it closes it.
func NewLines(out io.Writer) *Lines { return &Lines{out: out, gathered: make([]byte, 0, linesRoom)} }

// Write takes one line.
func (l *Lines) Write(line []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if len(l.gathered)+len(line) > linesRoom {
		if err := l.flush(); err != nil {
			return 0, err
		}
	}
	if l.closed || len(line) > linesRoom {
		return l.out.Write(line)
	}
	if len(l.gathered) == 0 {
		l.wake()
	}
	l.gathered = append(l.gathered, line...)
	return len(line), nil
}

func (l *Lines) wake() {
	if l.timer == nil {
		l.timer = time.AfterFunc(linesWait, l.Flush)
		return
	}
	l.timer.Reset(linesWait)
}

// Flush writes what has gathered.
func (l *Lines) Flush() {
	l.mu.Lock()
	defer l.mu.Unlock()
	_ = l.flush() // there is nowhere to tell that the log cannot be written
}

func (l *Lines) flush() error {
	if len(l.gathered) == 0 {
		return nil
	}
	_, err := l.out.Write(l.gathered)
	l.gathered = l.gathered[:0]
	return err
}

// Close writes what has gathered. Later lines are written one by one.
func (l *Lines) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	_ = l.flush()
}
