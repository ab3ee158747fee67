package app

import (
	"fmt"
	"net"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// notify tells the service manager where the process is in its life (sd_notify(3)); without
// one it does nothing.
func notify(state string) {
	address := os.Getenv("NOTIFY_SOCKET")
	if address == "" {
		return
	}
	conn, err := net.DialUnix("unixgram", nil, &net.UnixAddr{Name: address, Net: "unixgram"})
	if err != nil {
		return // the manager will time out and say so; nobody else can help
	}
	_, _ = conn.Write([]byte(state))
	_ = conn.Close()
}

// reloading is what Type=notify-reload wants to hear first: that a reload begins, and when on the
// clock CLOCK_MONOTONIC, so that the manager can tell this READY=1 from an earlier one.
func reloading() string {
	var now unix.Timespec
	_ = unix.ClockGettime(unix.CLOCK_MONOTONIC, &now) // cannot fail: the clock exists and now is writable
	return fmt.Sprintf("RELOADING=1\nMONOTONIC_USEC=%d", now.Nano()/int64(time.Microsecond))
}
