package sdk

import (
	"bufio"
	"bytes"
	"context"
	"crypto/md5"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

// The official Node SDK: the newest, the last for Node 20, and the last of the
// fourth generation, which frames its forms in another way.
var versions = []string{"openai", "openai6", "openai4"}

// The suite of the API, through each of them.
func TestNode(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			uploadstest.TestAPI(t, func(t *testing.T) api.API { return newNode(t, version, serve(t)+"/v1") })
		})
	}
}

// nodeSDK is an api.API made of the Node SDK, behind node/bridge.mjs.
type nodeSDK struct {
	dir string // for bytes
	in  io.Writer

	mu      sync.Mutex // for what follows, and for in
	last    int
	waiting map[int]chan answer
	ended   error
	streams atomic.Bool // whether the part before this one was sent as a stream
}

type answer struct {
	ID     int
	Result json.RawMessage
	Error  *struct {
		Class, Message, Type, Param, Code, Request string
		Status                                     int
	}
}

// nodeError is the class of the SDK's error beside what it says.
type nodeError struct {
	answer *api.Error
	class  string
}

func (e *nodeError) Error() string { return e.class + ": " + e.answer.Message }
func (e *nodeError) Unwrap() error { return e.answer }

// newNode starts the SDK with variables added to its environment.
func newNode(t testing.TB, version, baseURL string, env ...string) *nodeSDK {
	t.Helper()
	if _, err := os.Stat("node/node_modules/" + version); err != nil {
		t.Fatalf("%v: run 'make tools' first, which installs the SDK", err)
	}
	cmd := exec.Command("node", "node/bridge.mjs", version, baseURL)
	cmd.Env = append(append(os.Environ(), "OPENAI_API_KEY=any"), env...)
	cmd.Stderr = t.Output()
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		t.Fatal(err)
	}
	n := &nodeSDK{dir: t.TempDir(), in: in, waiting: map[int]chan answer{}}
	read := make(chan struct{})
	go func() { defer close(read); n.read(out) }()
	t.Cleanup(func() {
		cmd.Process.Kill()
		<-read
		cmd.Wait()
	})
	return n
}

func (n *nodeSDK) read(out io.Reader) {
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 16<<20)
	for lines.Scan() {
		var a answer
		err := json.Unmarshal(lines.Bytes(), &a)
		n.mu.Lock()
		if err == nil && n.waiting[a.ID] != nil {
			n.waiting[a.ID] <- a
			delete(n.waiting, a.ID)
		}
		n.mu.Unlock()
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.ended = errors.New("the bridge to Node has ended")
	for _, w := range n.waiting {
		close(w)
	}
}

type args map[string]any

// call calls a method of the bridge and decodes its result.
func call[T any](n *nodeSDK, method string, a args) (*T, error) {
	n.mu.Lock()
	if n.ended != nil {
		n.mu.Unlock()
		return nil, n.ended
	}
	n.last++
	wait := make(chan answer, 1)
	n.waiting[n.last] = wait
	line, err := json.Marshal(args{"id": n.last, "method": method, "args": a})
	if err == nil {
		_, err = n.in.Write(append(line, '\n'))
	}
	n.mu.Unlock()
	if err != nil {
		return nil, err
	}
	got, ok := <-wait
	if !ok {
		return nil, errors.New("the bridge to Node has ended")
	}
	if e := got.Error; e != nil {
		return nil, &nodeError{class: e.Class, answer: &api.Error{
			Status: e.Status, Message: e.Message, Type: e.Type, Param: e.Param, Code: e.Code, RequestID: e.Request}}
	}
	v := new(T)
	return v, json.Unmarshal(got.Result, v)
}

// file writes bytes where Node can read them.
func (n *nodeSDK) file(data io.Reader) (string, error) {
	f, err := os.CreateTemp(n.dir, "bytes")
	if err != nil {
		return "", err
	}
	_, err = io.Copy(f, data)
	return f.Name(), errors.Join(err, f.Close())
}

func (n *nodeSDK) CreateUpload(_ context.Context, req api.CreateUploadRequest) (*api.Upload, error) {
	return call[api.Upload](n, "createUpload", args{"request": req})
}

func (n *nodeSDK) AddPart(_ context.Context, id string, data io.Reader) (*api.Part, error) {
	path, err := n.file(data)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path)
	stream := !n.streams.Load()
	n.streams.Store(stream) // in turns, so that the suite runs over both framings
	return call[api.Part](n, "addPart", args{"upload": id, "path": path, "stream": stream})
}

func (n *nodeSDK) CompleteUpload(_ context.Context, id string, req api.CompleteUploadRequest) (*api.Upload, error) {
	return call[api.Upload](n, "completeUpload", args{"upload": id, "request": req})
}

func (n *nodeSDK) CancelUpload(_ context.Context, id string) (*api.Upload, error) {
	return call[api.Upload](n, "cancelUpload", args{"upload": id})
}

func (n *nodeSDK) CreateFile(_ context.Context, data io.Reader, describe func() (api.CreateFileRequest, error)) (*api.File, error) {
	req, err := describe()
	if err != nil {
		return nil, err
	}
	path, err := n.file(data)
	if err != nil {
		return nil, err
	}
	defer os.Remove(path)
	fields := args{"purpose": req.Purpose}
	if req.ExpiresAfter != nil {
		fields["expires_after"] = req.ExpiresAfter
	}
	return call[api.File](n, "createFile", args{"path": path, "name": req.Filename, "request": fields})
}

func query(q api.ListQuery) args {
	a := args{}
	for name, value := range map[string]string{"after": q.After, "order": q.Order, "purpose": q.Purpose} {
		if value != "" {
			a[name] = value
		}
	}
	if q.Limit != 0 {
		a["limit"] = q.Limit
	}
	return a
}

func (n *nodeSDK) ListFiles(_ context.Context, q api.ListQuery) (*api.List[api.File], error) {
	return call[api.List[api.File]](n, "listFiles", args{"query": query(q)})
}

func (n *nodeSDK) GetFile(_ context.Context, id string) (*api.File, error) {
	return call[api.File](n, "getFile", args{"file": id})
}

func (n *nodeSDK) DeleteFile(_ context.Context, id string) (*api.DeletedFile, error) {
	return call[api.DeletedFile](n, "deleteFile", args{"file": id})
}

func (n *nodeSDK) OpenFile(ctx context.Context, id string) (api.Content, error) {
	f, err := n.GetFile(ctx, id)
	if err != nil {
		return nil, err
	}
	return &content{file: f, fetch: func(offset int64) ([]byte, http.Header, error) {
		path := filepath.Join(n.dir, "content-"+id)
		a := args{"file": id, "path": path}
		if offset > 0 {
			a["range"] = fmt.Sprintf("bytes=%d-", offset)
		}
		got, err := call[struct{ Digest string }](n, "content", a)
		if err != nil {
			return nil, nil, err
		}
		data, err := os.ReadFile(path)
		return data, http.Header{"Repr-Digest": {got.Digest}}, err
	}}, nil
}

func (n *nodeSDK) GetUpload(_ context.Context, id string) (*api.Upload, error) {
	return call[api.Upload](n, "get", args{"path": "/uploads/" + id})
}

func (n *nodeSDK) ListUploads(_ context.Context, q api.ListQuery) (*api.List[api.Upload], error) {
	return call[api.List[api.Upload]](n, "get", args{"path": "/uploads", "query": query(q)})
}

func (n *nodeSDK) ListParts(_ context.Context, id string, q api.ListQuery) (*api.List[api.PartInfo], error) {
	return call[api.List[api.PartInfo]](n, "get", args{"path": "/uploads/" + id + "/parts", "query": query(q)})
}

func (n *nodeSDK) Usage(context.Context) (*api.Usage, error) {
	return call[api.Usage](n, "get", args{"path": "/usage"})
}

func TestNodeLargeFile(t *testing.T) {
	size, partSize := 200<<20, 64<<20
	if testing.Short() {
		size, partSize = 20<<20, 8<<20
	}
	data := uploadstest.Random(1, size)
	n := newNode(t, "openai", serve(t)+"/v1")
	u := uploadstest.Must(n.CreateUpload(t.Context(), api.CreateUploadRequest{
		Filename: "large.bin", Purpose: "user_data", Bytes: int64(size), MimeType: "application/octet-stream"}))(t)
	ids := make([]string, (size+partSize-1)/partSize)
	var sent sync.WaitGroup
	for i := range ids {
		sent.Go(func() {
			p, err := n.AddPart(t.Context(), u.ID, bytes.NewReader(data[i*partSize:min((i+1)*partSize, size)]))
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = p.ID
		})
	}
	sent.Wait()
	sum := md5.Sum(data)
	done := uploadstest.Must(n.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: ids, MD5: hex.EncodeToString(sum[:])}))(t)
	if !bytes.Equal(uploadstest.Read(t, n, done.File.ID), data) {
		t.Error("the bytes read are not the bytes sent")
	}
}

// What users of the SDK see besides: pages that follow each other by themselves,
// waiting for a file, classes of errors, request ids, and any form of base URL.
func TestNodeConveniences(t *testing.T) {
	for _, version := range versions {
		t.Run(version, func(t *testing.T) {
			url := serve(t)
			var last *api.File
			for i, base := range []string{url + "/v1", url + "/v1/", url} {
				n := newNode(t, version, base)
				last = uploadstest.Must(n.CreateFile(t.Context(), strings.NewReader("x"), func() (api.CreateFileRequest, error) {
					return api.CreateFileRequest{Filename: fmt.Sprint("f", i), Purpose: "batch"}, nil
				}))(t)
			}
			n := newNode(t, version, url+"/v1")
			all := uploadstest.Must(call[[]api.File](n, "listAll", args{"query": args{"limit": 1, "order": "asc"}}))(t)
			var names []string
			for _, f := range *all {
				names = append(names, f.Filename)
			}
			if !slices.Equal(names, []string{"f0", "f1", "f2"}) {
				t.Errorf("listed %v", names)
			}
			if f := uploadstest.Must(call[api.File](n, "waitForFile", args{"file": last.ID}))(t); f.Status != "processed" {
				t.Errorf("waited for %+v", f)
			}
			var e *nodeError
			_, err := n.GetFile(t.Context(), "file-nope")
			if !errors.As(err, &e) || e.class != "NotFoundError" || !strings.HasPrefix(e.answer.RequestID, "req_") {
				t.Errorf("a missing file: %+v", e)
			}
			u := uploadstest.Must(n.CreateUpload(t.Context(), api.CreateUploadRequest{Filename: "f", Purpose: "batch", Bytes: 1, MimeType: "text/plain"}))(t)
			uploadstest.Must(n.CancelUpload(t.Context(), u.ID))(t)
			_, err = n.CompleteUpload(t.Context(), u.ID, api.CompleteUploadRequest{PartIDs: []string{}})
			if !errors.As(err, &e) || e.class != "BadRequestError" {
				t.Errorf("a conflict of state: %+v", e)
			}
		})
	}
}
