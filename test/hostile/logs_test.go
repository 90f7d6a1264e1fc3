package hostile

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"uploadd/internal/uploads/uploadstest"
	"uploadd/test/program"
)

// canary is a secret that must not come out anywhere.
const canary = "canary-d41d8cd98f00b204"

// unread is logged of what is not even a request.
const unread = "a request that cannot be read"

// What clients send stays out of the log: it gets a line for each request, in
// which nothing of theirs starts another, and no key, name or body.
func TestLogs(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"json", "text"} {
		t.Run(format, func(t *testing.T) {
			t.Parallel()
			log := filepath.Join(t.TempDir(), "log")
			out := uploadstest.Must(os.Create(log))(t)
			s := program.Start(t, program.Options{Flags: []string{"--quiet=false", "--log-format=" + format}, Stderr: out})
			n := provoke(newWire(t, s))
			if err := s.Stop(); err != nil {
				t.Error(err)
			}
			out.Close()
			text := uploadstest.Must(os.ReadFile(log))(t)
			if bytes.Contains(text, []byte(canary)) {
				t.Errorf("the log holds what was sent: %s", lineOf(text, canary))
			}
			if i := bytes.IndexFunc(text, func(r rune) bool { return r != '\n' && !unicode.IsPrint(r) }); i >= 0 {
				t.Errorf("the log holds what cannot be seen: %q", text[max(0, i-100):min(i+100, len(text))])
			}
			requests := 0
			for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
				line := lines.Text()
				if len(line) > 2000 {
					t.Errorf("a line of %d bytes: %.300s", len(line), line)
				}
				if format == "json" {
					var entry struct{ Msg string }
					if err := json.Unmarshal([]byte(line), &entry); err != nil {
						t.Errorf("not JSON: %s", line)
					}
					if entry.Msg == "request" || entry.Msg == unread {
						requests++
					}
				} else if strings.Contains(line, " msg=request ") || strings.Contains(line, unread) {
					requests++
				}
			}
			if requests != n {
				t.Errorf("%d requests are logged, and %d were sent", requests, n)
			}
		})
	}
}

func lineOf(text []byte, word string) string {
	for line := range strings.Lines(string(text)) {
		if strings.Contains(line, word) {
			return line
		}
	}
	return ""
}

// provoke sends requests whose every part wants to be in the log, and returns how many.
func provoke(w wire) (n int) {
	send := func(line string, headers []string, body string) {
		n++
		w.send(line, headers, body)
	}
	forged := "%0a%0d" + `time=2026-01-01T00:00:00Z%20level=ERROR%20msg=forged%1b[31m%e2%80%ae` + "%7f%00"
	send("GET /v1/files/"+forged+" HTTP/1.1", nil, "")
	send("GET /v1/"+forged+" HTTP/1.1", nil, "")
	send("GET /v1/files/"+strings.Repeat("long", 5000)+" HTTP/1.1", nil, "")
	send("GET /v1/files?key="+canary+"&api_key="+canary+"&after="+canary+" HTTP/1.1", nil, "")
	send("GET /v1/files?order="+canary+" HTTP/1.1", nil, "")
	send("GET /v1/files?limit="+canary+" HTTP/1.1", nil, "")
	for _, header := range []string{"Authorization: Bearer " + canary, "Api-Key: " + canary, "Openai-Project: " + canary, "User-Agent: " + canary + "\x1b[31m", "Cookie: " + canary,
		"Referer: http://x/" + canary, "X-Request-Id: " + canary, "Origin: http://" + canary, "Content-Type: " + canary, "Content-Encoding: " + canary,
		"Content-Digest: md5=:" + canary + ":", "Idempotency-Key: " + canary, "X-Forwarded-For: " + canary, "Host: " + canary} {
		send("GET /v1/files HTTP/1.1", []string{header}, "")
		send("POST /v1/files HTTP/1.1", []string{header}, canary)
		send("POST /v1/uploads HTTP/1.1", []string{header}, `{"`+canary+`":"`+canary+`"}`)
	}
	for _, body := range []string{canary, `"` + canary + `"`, `{"` + canary + `":1}`, `{"filename":"` + canary + `\u0000","purpose":"batch","bytes":1,"mime_type":"a/b"}`,
		`{"filename":"` + canary + `","purpose":"batch","bytes":1,"mime_type":"a/b"}`, `{"filename":"a","purpose":"` + canary + `","bytes":1,"mime_type":"a/b"}`,
		`{"filename":"a","purpose":"batch","bytes":"` + canary + `","mime_type":"a/b"}`, `{"filename":"a","purpose":"batch","bytes":1,"mime_type":"` + canary + ` x"}`,
		`{"filename":"a","purpose":"batch","bytes":1,"mime_type":"a/b","expires_after":{"anchor":"` + canary + `","seconds":3600}}`, `{"` + canary + `":1,"` + canary + `":2}`} {
		send("POST /v1/uploads HTTP/1.1", []string{"Content-Type: application/json"}, body)
		send("POST /v1/uploads/upload_0/complete HTTP/1.1", []string{"Content-Type: application/json"}, body)
	}
	send("POST /v1/uploads/upload_0/complete HTTP/1.1", nil, `{"part_ids":["`+canary+`"],"md5":"`+canary+`"}`)
	for _, form := range []string{
		"--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\"\r\n\r\nx\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n%[1]s\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"%s\"\r\n\r\n1\r\n--b\r\nContent-Disposition: form-data; name=\"%[1]s\"\r\n\r\n1\r\n--b--\r\n",
		"--b\r\nContent-Disposition: %s\r\n\r\n1\r\n--b--\r\n",
		"--b\r\n%s\r\n\r\n1\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\n%s\r\n--b--\r\n",
		"--b\r\nContent-Disposition: form-data; name=\"purpose\"\r\n\r\nbatch\r\n--b\r\nContent-Disposition: form-data; name=\"file\"; filename=\"%s\x01\"\r\nContent-Digest: md5=:%[1]s:\r\n\r\n%[1]s\r\n--b--\r\n",
		"--%s\r\n", "%s",
	} {
		send("POST /v1/files HTTP/1.1", []string{"Content-Type: multipart/form-data; boundary=b"}, fmt.Sprintf(form, canary))
	}
	send("POST /v1/files HTTP/1.1", []string{"Content-Type: multipart/form-data; boundary=" + canary}, canary)
	return n
}
