package broker

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"testing"
)

func frameOf(size int) []byte {
	frame := []byte{0x82}
	switch {
	case size < 126:
		frame = append(frame, byte(size))
	case size < 1<<16:
		frame = binary.BigEndian.AppendUint16(append(frame, 126), uint16(size))
	default:
		frame = binary.BigEndian.AppendUint64(append(frame, 127), uint64(size))
	}
	return append(frame, make([]byte, size)...)
}

func TestFramerFindsTheEndOfFrames(t *testing.T) {
	for _, size := range []int{0, 1, 125, 126, 127, 65535, 65536, 100000} {
		for _, piece := range []int{1, 3, 1000, 1 << 20} {
			stream, f := bytes.Repeat(frameOf(size), 2), framer{}
			ends := 0
			for rest := stream; len(rest) > 0; {
				taken, end := f.step(rest[:min(piece, len(rest))])
				rest = rest[taken:]
				if end {
					ends++
				}
			}
			if ends != 2 || !f.between() {
				t.Errorf("size %d in pieces of %d: %d ends", size, piece, ends)
			}
		}
	}
}

func FuzzFramer(f *testing.F) {
	f.Add([]byte{0x81, 3, 'a', 'b', 'c', 0x88, 0}, uint8(2))
	f.Add([]byte{0x82, 127, 255, 255, 255, 255, 255, 255, 255, 255, 1}, uint8(1))
	f.Add([]byte{0x82, 254, 0, 1, 1, 2, 3, 4, 9}, uint8(1))
	f.Fuzz(func(t *testing.T, stream []byte, piece uint8) {
		whole, parts := framer{}, framer{}
		whole.pass(stream)
		for rest := stream; len(rest) > 0; {
			n := min(int(piece)+1, len(rest))
			parts.pass(rest[:n])
			rest = rest[n:]
		}
		if whole != parts {
			t.Fatalf("%x: %+v in one piece, %+v in many", stream, whole, parts)
		}
	})
}

// The close frame comes after the frame that is on its way, and nothing after it.
func TestShutTunnelEndsBetweenFrames(t *testing.T) { // S20
	near, far := net.Pipe()
	tun := newTunnel(near)
	got := make(chan []byte)
	go func() {
		all, _ := io.ReadAll(far)
		got <- all
	}()
	frame := frameOf(300)
	if _, err := tun.Write(frame[:100]); err != nil {
		t.Fatal(err)
	}
	shut := make(chan struct{})
	go func() { tun.shut(1008, "ended"); close(shut) }()
	for !tun.marked() {
	}
	if _, err := tun.Write(append(frame[100:], frameOf(5)...)); err == nil {
		t.Error("the upstream may go on writing")
	}
	<-shut
	if _, err := tun.Write([]byte{1}); err == nil {
		t.Error("the upstream may write after the close frame")
	}
	_ = near.Close()
	want := append(frame, closeFrame(1008, "ended")...)
	if all := <-got; !bytes.Equal(all, want) {
		t.Errorf("the caller got %d bytes, want %d", len(all), len(want))
	}
}

func (t *tunnel) marked() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.notice != nil
}

func TestShutTunnelPassesNothingUpstream(t *testing.T) { // S20
	near, far := net.Pipe()
	tun := newTunnel(near)
	go func() { _, _ = io.Copy(io.Discard, far) }()
	tun.shut(1008, "ended")
	go func() { _, _ = far.Write([]byte("late")) }()
	if n, err := tun.Read(make([]byte, 8)); n != 0 || err == nil {
		t.Errorf("%d bytes came through after the end, %v", n, err)
	}
	_ = far.Close()
	_ = tun.Close()
}
