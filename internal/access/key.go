// Package access says who is asking, and what they may do: keys, the scopes that
// a key has, how often it may ask, and how much at once. It turns a key into the
// [api.API] of its project, cut down to what the key allows.
package access

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"fmt"
	"hash/crc32"
	"regexp"
	"strings"
)

// Key is the record of a key. The secret is in it only as a hash, which is enough
// for a secret of 260 random bits: there is nothing to be guessed from it.
// Times are Unix seconds.
type Key struct {
	ID        string // "key_" and 16 letters and digits
	Project   string
	Name      string // what it was made for; for people
	Hash      []byte // SHA-256 of the secret
	Scopes    Scopes
	CreatedAt int64
	ExpiresAt int64 // 0 is never
	RevokedAt int64 // 0 is not
}

// The text of a key names its id, by which its record is found, and ends in a
// checksum, by which a mistyped one is told without a look-up and one that
// leaked is found by those who scan for them.
//
//	uploadd_<id: 16>_<secret: 52><CRC-32 of all before: 8 hex digits>
const (
	textPrefix = "uploadd_"
	idPrefix   = "key_"
	idLength   = 16
	sumLength  = 8
)

var keyText = regexp.MustCompile(`^uploadd_[a-z2-7]{16}_[A-Z2-7]{52}[0-9a-f]{8}$`)

// NewKey gives k an ID and a secret, and returns the text of the key, which is
// kept nowhere.
func NewKey(k *Key) (text string) {
	id := strings.ToLower(rand.Text()[:idLength])
	secret := rand.Text() + rand.Text() // 130 bits each
	k.ID, k.Hash = idPrefix+id, hashOf(secret)
	text = textPrefix + id + "_" + secret
	return text + checksum(text)
}

func hashOf(secret string) []byte {
	sum := sha256.Sum256([]byte(secret))
	return sum[:]
}

func checksum(text string) string { return fmt.Sprintf("%08x", crc32.ChecksumIEEE([]byte(text))) }

// parseKey takes the text of a key apart. It is not ok if no key has that text.
func parseKey(text string) (id, secret string, ok bool) {
	if !keyText.MatchString(text) {
		return "", "", false
	}
	body, sum := text[:len(text)-sumLength], text[len(text)-sumLength:]
	if checksum(body) != sum {
		return "", "", false
	}
	id, secret, _ = strings.Cut(strings.TrimPrefix(body, textPrefix), "_")
	return idPrefix + id, secret, true
}

var (
	keyInText    = regexp.MustCompile(`(?i)(uploadd_[a-z2-7]{16}_)[a-z0-9]+`)
	secretInText = regexp.MustCompile(`(?i)[a-z2-7]{52,}`) // nothing else here is that long
)

// Redact takes the secret out of every key in text, in whatever case it is written,
// and out of what a cut left of it.
func Redact(text string) string {
	if len(text) < len(textPrefix)+idLength {
		return text
	}
	return secretInText.ReplaceAllString(keyInText.ReplaceAllString(text, "$1[secret]"), "[secret]")
}

// IDOf is the id of the key that text is, or text itself.
func IDOf(text string) string {
	if id, _, ok := parseKey(text); ok {
		return id
	}
	return text
}

// opens says whether secret is the key's, and the key is alive at now. It takes as
// long for a wrong secret as for the right one.
func (k *Key) opens(secret string, now int64) bool {
	same := subtle.ConstantTimeCompare(hashOf(secret), k.Hash) == 1
	return same && k.Status(now) == Active
}

// Status is what became of a key.
type Status string

const (
	Active  Status = "active"
	Expired Status = "expired"
	Revoked Status = "revoked"
)

// Status is what became of the key by now.
func (k *Key) Status(now int64) Status {
	switch {
	case k.RevokedAt != 0:
		return Revoked
	case k.ExpiresAt != 0 && now >= k.ExpiresAt:
		return Expired
	}
	return Active
}

var projectName = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$`)

// ValidateProject refuses a name that would need quoting in a header, a log or a
// shell.
func ValidateProject(name string) error {
	if !projectName.MatchString(name) {
		return fmt.Errorf("'%.80s' cannot name a project: take 1 to 64 letters, digits, '.', '_' or '-', and begin with a letter or digit", name)
	}
	return nil
}
