package listen

import (
	"encoding/binary"
	"errors"
	"testing"

	"golang.org/x/sys/unix"
)

// diagAnswer makes an answer of one message.
func diagAnswer(kind uint16, payload []byte) []byte {
	b := binary.NativeEndian.AppendUint32(nil, uint32(unix.SizeofNlMsghdr+len(payload)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, make([]byte, unix.SizeofNlMsghdr-len(b))...)
	return append(b, payload...)
}

func diagAttribute(kind uint16, value ...byte) []byte {
	b := binary.NativeEndian.AppendUint16(nil, uint16(unix.SizeofNlAttr+len(value)))
	b = binary.NativeEndian.AppendUint16(b, kind)
	b = append(b, value...)
	for len(b)%4 > 0 {
		b = append(b, 0)
	}
	return b
}

// aQueue is an answer with the queue behind other attributes.
func aQueue(length, limit uint32) []byte {
	value := binary.NativeEndian.AppendUint32(nil, length)
	value = binary.NativeEndian.AppendUint32(value, limit)
	payload := append(make([]byte, unixDiagMessageSize), diagAttribute(6, 1)...)
	payload = append(payload, diagAttribute(7, make([]byte, 8)...)...)
	return diagAnswer(unix.SOCK_DIAG_BY_FAMILY, append(payload, diagAttribute(queueAttribute, value...)...))
}

func TestParseUnixDiag(t *testing.T) {
	whole := aQueue(3, 4096)
	if length, limit, err := parseUnixDiag(whole); length != 3 || limit != 4096 || err != nil {
		t.Errorf("%d of %d, %v", length, limit, err)
	}
	for n := range whole {
		if length, limit, err := parseUnixDiag(whole[:n]); err == nil {
			t.Errorf("%d bytes of it: %d of %d", n, length, limit)
		}
	}
	if _, _, err := parseUnixDiag(diagAnswer(unix.SOCK_DIAG_BY_FAMILY, make([]byte, unixDiagMessageSize))); err == nil {
		t.Error("an answer without the attribute has a queue")
	}
	for _, size := range []uint16{0, unix.SizeofNlAttr - 1, unix.SizeofNlAttr + 9} {
		attribute := binary.NativeEndian.AppendUint16(nil, size)
		payload := append(make([]byte, unixDiagMessageSize), append(attribute, queueAttribute, 0, 1, 0, 0, 0, 2, 0, 0, 0)...)
		if length, limit, err := parseUnixDiag(diagAnswer(unix.SOCK_DIAG_BY_FAMILY, payload)); err == nil {
			t.Errorf("an attribute of 12 bytes that says it has %d: %d of %d", size, length, limit)
		}
	}
	code := binary.NativeEndian.AppendUint32(nil, ^uint32(unix.ENOENT)+1) // negative
	if _, _, err := parseUnixDiag(diagAnswer(unix.NLMSG_ERROR, code)); !errors.Is(err, unix.ENOENT) {
		t.Errorf("the kernel's error is %v", err)
	}
}

func FuzzParseUnixDiag(f *testing.F) {
	f.Add(aQueue(3, 4096))
	f.Add(diagAnswer(unix.NLMSG_ERROR, make([]byte, 4)))
	f.Fuzz(func(t *testing.T, answer []byte) {
		if length, limit, err := parseUnixDiag(answer); err != nil && (length != 0 || limit != 0) {
			t.Errorf("%d of %d with %v", length, limit, err)
		}
	})
}
