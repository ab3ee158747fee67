package broker

import "encoding/binary"

// framer follows WebSocket frames (RFC 6455 §5.2) in a byte stream, so that a close frame can be
// put between two of them. It looks at lengths only.
type framer struct {
	head [14]byte
	have int    // bytes of the head seen
	left uint64 // bytes of payload to come
	body bool   // the head is complete
}

// step takes bytes up to the end of the current frame and says whether it was reached.
func (f *framer) step(p []byte) (taken int, end bool) {
	for !f.body {
		if taken == len(p) {
			return taken, false
		}
		f.head[f.have] = p[taken]
		f.have++
		taken++
		f.open()
	}
	if rest := uint64(len(p) - taken); rest < f.left {
		f.left -= rest
		return len(p), false
	}
	taken += int(f.left)
	*f = framer{}
	return taken, true
}

func (f *framer) open() {
	if f.have < 2 {
		return
	}
	size, mask := f.head[1]&0x7f, 0
	if f.head[1]&0x80 != 0 {
		mask = 4
	}
	extended := extraLength(size)
	if f.have < 2+extended+mask {
		return
	}
	f.body = true
	switch size {
	case 126:
		f.left = uint64(binary.BigEndian.Uint16(f.head[2:]))
	case 127:
		f.left = binary.BigEndian.Uint64(f.head[2:])
	default:
		f.left = uint64(size)
	}
}

// pass follows all of p.
func (f *framer) pass(p []byte) {
	for len(p) > 0 {
		taken, _ := f.step(p)
		p = p[taken:]
	}
}

// between reports whether the stream is between two frames.
func (f *framer) between() bool { return f.have == 0 }

// closeFrame is an unmasked close frame; reason is cut to what a control frame can hold.
func closeFrame(code uint16, reason string) []byte {
	if len(reason) > 123 {
		reason = reason[:123]
	}
	frame := []byte{0x88, byte(2 + len(reason))}
	return append(binary.BigEndian.AppendUint16(frame, code), reason...)
}

func extraLength(size byte) int {
	switch size {
	case 126:
		return 2
	case 127:
		return 8
	}
	return 0
}
