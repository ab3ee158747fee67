package app

import (
	"net"
	"os"
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
