package uploads

import (
	"crypto/rand"
	"encoding/hex"
	"regexp"
)

// The shapes of OpenAI's ids, filled with random bits alone: 128 for Uploads
// and Parts, 131 for Files. They tell nothing of time, order or project.
const (
	uploadPrefix = "upload_"
	partPrefix   = "part_"
	filePrefix   = "file-"
)

var (
	uploadID = regexp.MustCompile(`^upload_[0-9a-f]{32}$`)
	partID   = regexp.MustCompile(`^part_[0-9a-f]{32}$`)
	fileID   = regexp.MustCompile(`^file-[0-9A-Za-z]{22}$`)
)

func newHexID(prefix string) string {
	var b [16]byte
	rand.Read(b[:]) // never fails, says its documentation
	return prefix + hex.EncodeToString(b[:])
}

func newFileID() string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	const even = 256 / len(letters) * len(letters) // bytes from here on would favour the first letters
	id := make([]byte, 0, 22)
	var b [32]byte
	for {
		rand.Read(b[:])
		for _, c := range b {
			if int(c) >= even {
				continue
			}
			if id = append(id, letters[int(c)%len(letters)]); len(id) == cap(id) {
				return filePrefix + string(id)
			}
		}
	}
}
