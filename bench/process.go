package main

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// process is a server that runs beside the bench.
type process struct {
	command *exec.Cmd
	ready   string        // the line it printed when it could be used
	after   time.Duration // from the start
}

const startLimit = 30 * time.Second

// start runs a program on the cores named, "" = any, and waits for its first line.
func start(ctx context.Context, onCores string, environ []string, log *os.File, program string, arguments ...string) (*process, error) {
	command := exec.Command(program, arguments...)
	if taskset, err := exec.LookPath("taskset"); err == nil && onCores != "" {
		command = exec.Command(taskset, append([]string{"--cpu-list", onCores, program}, arguments...)...)
	}
	command.Env, command.Stderr = append(os.Environ(), environ...), log
	out, err := command.StdoutPipe()
	if err != nil {
		return nil, err
	}
	p, began := &process{command: command}, time.Now()
	if err := command.Start(); err != nil {
		return nil, err
	}
	lines := make(chan string, 1)
	go func() {
		line, _ := bufio.NewReaderSize(out, 1<<20).ReadString('\n')
		lines <- line
		_, _ = io.Copy(io.Discard, out)
	}()
	select {
	case p.ready = <-lines:
	case <-ctx.Done():
	case <-time.After(startLimit):
	}
	p.ready, p.after = strings.TrimSpace(p.ready), time.Since(began)
	if p.ready == "" {
		p.stop()
		return nil, fmt.Errorf("%s %s did not start", program, strings.Join(arguments, " "))
	}
	return p, nil
}

// stop ends the process, by force if it does not listen.
func (p *process) stop() {
	_ = p.command.Process.Signal(syscall.SIGTERM)
	force := time.AfterFunc(10*time.Second, func() { _ = p.command.Process.Kill() })
	defer force.Stop()
	_ = p.command.Wait()
}

// cpu is the time that the process has spent on a core so far: where Linux counts it, in
// nanoseconds of its threads, else what ps says.
func (p *process) cpu() (time.Duration, error) {
	pid := strconv.Itoa(p.command.Process.Pid)
	threads, _ := filepath.Glob("/proc/" + pid + "/task/*/schedstat")
	if len(threads) == 0 {
		out, err := exec.Command("ps", "-o", "time=", "-p", pid).Output()
		if err != nil {
			return 0, err
		}
		return clock(strings.TrimSpace(string(out)))
	}
	var total time.Duration
	for _, thread := range threads {
		text, err := os.ReadFile(thread)
		if err != nil {
			continue // it has just ended
		}
		onCore, _, _ := strings.Cut(string(text), " ")
		spent, err := strconv.ParseInt(onCore, 10, 64)
		if err != nil {
			return 0, err
		}
		total += time.Duration(spent)
	}
	return total, nil
}

// clock reads [hours:]minutes:seconds[.hundredths].
func clock(text string) (time.Duration, error) {
	var seconds float64
	for part := range strings.SplitSeq(text, ":") {
		value, err := strconv.ParseFloat(part, 64)
		if err != nil {
			return 0, err
		}
		seconds = seconds*60 + value
	}
	return time.Duration(seconds * float64(time.Second)), nil
}

// resident is the memory of the process in bytes, 0 where the system does not tell it.
func (p *process) resident() int64 {
	out, err := exec.Command("ps", "-o", "rss=", "-p", strconv.Itoa(p.command.Process.Pid)).Output()
	if err != nil {
		return 0
	}
	kilobytes, _ := strconv.ParseInt(strings.TrimSpace(string(out)), 10, 64)
	return kilobytes << 10
}

// cores splits the machine: the last core for the server under test, the others for the load and
// the upstream. On one core, or without taskset, nothing is pinned.
func cores() (server, load string) {
	if _, err := exec.LookPath("taskset"); err != nil || runtime.NumCPU() < 2 {
		return "", ""
	}
	last := runtime.NumCPU() - 1
	return strconv.Itoa(last), "0-" + strconv.Itoa(last-1)
}

func pinSelf(onCores string) {
	if onCores != "" {
		_ = exec.Command("taskset", "--all-tasks", "--cpu-list", "--pid", onCores, strconv.Itoa(os.Getpid())).Run()
	}
}
