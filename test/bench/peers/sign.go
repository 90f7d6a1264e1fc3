package peers

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"uploadd/test/bench/load"
)

const accessKey, secretKey = "benchmarks", "benchmarks-secret"

// signed adds the signature, version 4, that S3 wants of a request to host. The body is
// not signed: its digest would cost the client and the server more than all the rest.
func signed(host string, r load.Request) load.Request {
	const payload, names = "UNSIGNED-PAYLOAD", "host;x-amz-content-sha256;x-amz-date"
	now := time.Now().UTC()
	at, day := now.Format("20060102T150405Z"), now.Format("20060102")
	path, query, _ := strings.Cut(r.Path, "?") // the queries above are in the order of their names
	request := strings.Join([]string{r.Method, path, query,
		"host:" + host, "x-amz-content-sha256:" + payload, "x-amz-date:" + at, "", names, payload}, "\n")
	scope := day + "/us-east-1/s3/aws4_request"
	digest := sha256.Sum256([]byte(request))
	key := []byte("AWS4" + secretKey)
	for _, of := range strings.Split(scope, "/") {
		key = mac(key, of)
	}
	signature := mac(key, "AWS4-HMAC-SHA256\n"+at+"\n"+scope+"\n"+hex.EncodeToString(digest[:]))
	r.Header = append([]string{
		"x-amz-content-sha256: " + payload, "x-amz-date: " + at,
		fmt.Sprintf("Authorization: AWS4-HMAC-SHA256 Credential=%s/%s, SignedHeaders=%s, Signature=%x", accessKey, scope, names, signature),
	}, r.Header...)
	return r
}

func mac(key []byte, text string) []byte {
	h := hmac.New(sha256.New, key)
	h.Write([]byte(text))
	return h.Sum(nil)
}
