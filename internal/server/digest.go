package server

import (
	"crypto/md5"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/subtle"
	"encoding/base64"
	"hash"
	"hash/crc32"
	"io"
	"net/textproto"
	"strings"

	"uploadd/api"
)

// digests are those a client sent along: Content-Digest (RFC 9530) and
// Content-MD5 (RFC 1864), of the request or of the field that holds the bytes.
// By the letter, one of the request covers the whole form, framing and all; a
// client that hashes what it sends as the part means the bytes alone. Either is
// taken as right: neither can be so by chance.
type digests struct {
	list []*digest
}

type digest struct {
	algorithm string
	want      []byte
	ofData    hash.Hash
	ofForm    hash.Hash // nil for one in the field's header
}

var algorithms = map[string]func() hash.Hash{
	"sha-512": sha512.New,
	"sha-256": sha256.New,
	"md5":     md5.New,
	"crc32c":  func() hash.Hash { return crc32.New(crc32.MakeTable(crc32.Castagnoli)) },
}

func newDigests(h map[string][]string) (*digests, error) {
	d := &digests{}
	if err := d.add(textproto.MIMEHeader(h)); err != nil {
		return nil, err
	}
	for _, one := range d.list {
		one.ofForm = algorithms[one.algorithm]()
	}
	return d, nil
}

// add takes the digests of a header. Algorithms that are not known are passed
// over, as RFC 9530 asks.
func (d *digests) add(h textproto.MIMEHeader) error {
	for _, line := range h.Values("Content-Digest") {
		for item := range strings.SplitSeq(line, ",") {
			name, value, _ := strings.Cut(strings.TrimSpace(item), "=")
			name = strings.ToLower(name)
			if algorithms[name] == nil {
				continue
			}
			encoded, ok := strings.CutPrefix(value, ":")
			if ok {
				encoded, ok = strings.CutSuffix(encoded, ":")
			}
			if err := d.expect(name, encoded, ok); err != nil {
				return err
			}
		}
	}
	for _, value := range h.Values("Content-Md5") {
		if err := d.expect("md5", value, true); err != nil {
			return err
		}
	}
	return nil
}

func (d *digests) expect(algorithm, encoded string, ok bool) error {
	h := algorithms[algorithm]()
	want, err := base64.StdEncoding.DecodeString(encoded)
	if !ok || err != nil || len(want) != h.Size() {
		return api.Errorf(api.ErrInvalid, "", "Malformed digest: %s is '%.200s', and should be %d bytes in base64.",
			algorithm, encoded, h.Size()).WithCode(api.CodeDigest)
	}
	d.list = append(d.list, &digest{algorithm: algorithm, want: want, ofData: h})
	return nil
}

// message returns body with all that is read through it hashed, if need be.
func (d *digests) message(body io.Reader) io.Reader {
	for _, one := range d.list {
		body = io.TeeReader(body, one.ofForm)
	}
	return body
}

// data hashes bytes of the field.
func (d *digests) data(p []byte) {
	for _, one := range d.list {
		one.ofData.Write(p)
	}
}

// check compares, once all has been read.
func (d *digests) check() error {
	for _, one := range d.list {
		got := one.ofData.Sum(nil)
		if subtle.ConstantTimeCompare(got, one.want) == 1 ||
			one.ofForm != nil && subtle.ConstantTimeCompare(one.ofForm.Sum(nil), one.want) == 1 {
			continue
		}
		return api.Errorf(api.ErrInvalid, "data", "The %s digest of the bytes received is '%s', not '%s' as announced.",
			one.algorithm, base64.StdEncoding.EncodeToString(got), base64.StdEncoding.EncodeToString(one.want)).
			WithCode(api.CodeDigest)
	}
	return nil
}
