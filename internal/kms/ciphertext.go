package kms

import (
	"encoding/binary"
	"encoding/hex"
	"maps"
	"slices"
	"strconv"
)

// A ciphertext is
//
//	version 1 byte | flags 1 | account 8 | key id 16 | key material id 32 | nonce 28 | sealed plaintext
//
// Everything before the nonce is authenticated with the encryption context, so
// a ciphertext is good for one key, one key material and one context only. The
// region is not in it: a multi-Region key decrypts in all of its regions.
const (
	ciphertextVersion = 1
	// multiRegionFlag marks a key whose id begins with mrk-.
	multiRegionFlag = 1

	headerSize = 1 + 1 + 8 + 16 + 32
	// tagSize is GCM's.
	tagSize = 16
	// minCiphertext holds one byte of plaintext.
	minCiphertext = headerSize + nonceSize + tagSize + 1
)

// header is the part of a ciphertext that says what it was encrypted under.
type header struct {
	account    string
	keyID      string
	materialID string
}

// append writes the header. Its fields are the service's own and well-formed.
func (h header) append(b []byte) []byte {
	var flags byte
	id := h.keyID
	if len(id) == 36 && id[:4] == "mrk-" {
		flags, id = multiRegionFlag, id[4:]
	} else {
		id = id[:8] + id[9:13] + id[14:18] + id[19:23] + id[24:]
	}
	account, _ := strconv.ParseUint(h.account, 10, 64)
	b = append(b, ciphertextVersion, flags)
	b = binary.BigEndian.AppendUint64(b, account)
	b, _ = hex.AppendDecode(b, []byte(id))
	b, _ = hex.AppendDecode(b, []byte(h.materialID))
	return b
}

// parseCiphertext splits a ciphertext. Anything that append could not have
// written is refused.
func parseCiphertext(blob []byte) (h header, head, body []byte, ok bool) {
	if len(blob) < minCiphertext || blob[0] != ciphertextVersion || blob[1]&^multiRegionFlag != 0 {
		return header{}, nil, nil, false
	}
	account := binary.BigEndian.Uint64(blob[2:10])
	if account > 999999999999 {
		return header{}, nil, nil, false
	}
	h.account = strconv.FormatUint(1e12+account, 10)[1:]
	id := hex.EncodeToString(blob[10:26])
	if blob[1]&multiRegionFlag != 0 {
		h.keyID = "mrk-" + id
	} else {
		h.keyID = id[:8] + "-" + id[8:12] + "-" + id[12:16] + "-" + id[16:20] + "-" + id[20:]
	}
	h.materialID = hex.EncodeToString(blob[26:58])
	return h, blob[:headerSize], blob[headerSize:], true
}

// appendContext writes an encryption context in its one canonical form: pairs
// sorted by name, every string with its length before it, so that no two
// contexts are written alike.
func appendContext(b []byte, context map[string]string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(context)))
	if len(context) == 1 {
		for k, v := range context {
			b = appendString(appendString(b, k), v)
		}
		return b
	}
	for _, k := range slices.Sorted(maps.Keys(context)) {
		b = appendString(appendString(b, k), context[k])
	}
	return b
}

func appendString(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(len(s)))
	return append(b, s...)
}
