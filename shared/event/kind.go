package event

import (
	"encoding/binary"
	"errors"
	"hash/crc32"
	"math/bits"
	"strings"
)

// Kind is what an id is of. Its text is the prefix that users see before the id
// in the API, in subjects and in logs.
type Kind string

// The kinds of ids, with the prefixes that the API promises.
const (
	Tenant   Kind = "app_"
	Endpoint Kind = "ep_"
	Message  Kind = "msg_"
	Attempt  Kind = "atmpt_"
	Task     Kind = "qtask_"
	Batch    Kind = "batch_"
	Token    Kind = "token_" // of a member of an application
	APIKey   Kind = "prk_"   // of an operator
)

// ErrBadID is returned for text that is not an id of the kind asked for.
var ErrBadID = errors.New("not an id of this kind")

const (
	digits   = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	textLen  = 27 // base62 digits that hold 160 bits
	sumBytes = 4
	base10   = 839299365868340224 // 62^10: ten digits a division
)

// Format writes an id as users see it: the kind's prefix and 27 base62 digits,
// the shape that clients of the Svix API know. The digits are the 16 bytes of
// the id and a CRC-32 over prefix and id, so texts sort like ids and a mistyped
// one, or one of another kind, is refused without asking the database.
func (k Kind) Format(id ID) string {
	text := make([]byte, len(k)+textLen)
	copy(text, k)
	encode(text[len(k):], id, k.sum(id))
	return string(text)
}

// Parse reads what Format wrote. It returns ErrBadID for anything else.
func (k Kind) Parse(text string) (ID, error) {
	rest, ok := strings.CutPrefix(text, string(k))
	if !ok || len(rest) != textLen {
		return ID{}, ErrBadID
	}
	id, sum, ok := decode(rest)
	if !ok || sum != k.sum(id) {
		return ID{}, ErrBadID
	}
	return id, nil
}

func (k Kind) sum(id ID) uint32 {
	return crc32.Update(crc32.ChecksumIEEE([]byte(k)), crc32.IEEETable, id[:])
}

// encode writes the 160-bit number id·2³² + sum in base 62.
func encode(text []byte, id ID, sum uint32) {
	hi := uint64(binary.BigEndian.Uint32(id[0:4]))
	mid := binary.BigEndian.Uint64(id[4:12])
	lo := uint64(binary.BigEndian.Uint32(id[12:16]))<<32 | uint64(sum)
	for end := textLen; end > 0; end -= 10 {
		var rest uint64
		hi, rest = bits.Div64(0, hi, base10)
		mid, rest = bits.Div64(rest, mid, base10)
		lo, rest = bits.Div64(rest, lo, base10)
		for i := end - 1; i >= max(end-10, 0); i-- {
			text[i] = digits[rest%62]
			rest /= 62
		}
	}
}

func decode(text string) (id ID, sum uint32, ok bool) {
	var hi, mid, lo uint64
	for i := range textLen {
		digit := strings.IndexByte(digits, text[i])
		if digit < 0 {
			return ID{}, 0, false
		}
		carry, low := bits.Mul64(lo, 62)
		var c uint64
		lo, c = bits.Add64(low, uint64(digit), 0)
		carry += c
		over, m := bits.Mul64(mid, 62)
		mid, c = bits.Add64(m, carry, 0)
		hi = hi*62 + over + c
	}
	if hi > 1<<32-1 {
		return ID{}, 0, false
	}
	binary.BigEndian.PutUint32(id[0:4], uint32(hi))
	binary.BigEndian.PutUint64(id[4:12], mid)
	binary.BigEndian.PutUint32(id[12:16], uint32(lo>>32))
	return id, uint32(lo), true
}
