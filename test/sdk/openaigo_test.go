package sdk

import (
	"bytes"
	"context"
	"crypto/md5"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/openai/openai-go/v3"
	"github.com/openai/openai-go/v3/option"
	"github.com/openai/openai-go/v3/shared/constant"

	"uploadd/api"
	"uploadd/internal/uploads/uploadstest"
)

func newGo(baseURL string, options ...option.RequestOption) openai.Client {
	options = append([]option.RequestOption{option.WithBaseURL(baseURL), option.WithAPIKey("any")}, options...)
	return openai.NewClient(options...)
}

// The suite of the API, through openai-go.
func TestGo(t *testing.T) {
	uploadstest.TestAPI(t, func(t *testing.T) api.API { return &goSDK{newGo(serve(t) + "/v1/")} })
}

// goSDK is an api.API made of openai-go. Its own structs are passed over: what
// counts is what it received.
type goSDK struct{ openai.Client }

// received decodes an answer that the SDK took.
func received[T any](res interface{ RawJSON() string }, err error) (*T, error) {
	if err != nil {
		return nil, goError(err)
	}
	v := new(T)
	return v, json.Unmarshal([]byte(res.RawJSON()), v)
}

func goError(err error) error {
	var e *openai.Error
	if !errors.As(err, &e) {
		return err
	}
	return &api.Error{Status: e.StatusCode, Message: e.Message, Type: e.Type, Param: e.Param, Code: e.Code}
}

func (g *goSDK) CreateUpload(ctx context.Context, req api.CreateUploadRequest) (*api.Upload, error) {
	params := openai.UploadNewParams{Bytes: req.Bytes, Filename: req.Filename, MimeType: req.MimeType, Purpose: openai.FilePurpose(req.Purpose)}
	if e := req.ExpiresAfter; e != nil {
		params.ExpiresAfter = openai.UploadNewParamsExpiresAfter{Anchor: constant.CreatedAt(e.Anchor), Seconds: e.Seconds}
	}
	res, err := g.Uploads.New(ctx, params)
	return received[api.Upload](res, err)
}

func (g *goSDK) AddPart(ctx context.Context, id string, data io.Reader) (*api.Part, error) {
	res, err := g.Uploads.Parts.New(ctx, id, openai.UploadPartNewParams{Data: data})
	return received[api.Part](res, err)
}

func (g *goSDK) CompleteUpload(ctx context.Context, id string, req api.CompleteUploadRequest) (*api.Upload, error) {
	params := openai.UploadCompleteParams{PartIDs: req.PartIDs}
	if req.MD5 != "" {
		params.Md5 = openai.String(req.MD5)
	}
	res, err := g.Uploads.Complete(ctx, id, params)
	return received[api.Upload](res, err)
}

func (g *goSDK) CancelUpload(ctx context.Context, id string) (*api.Upload, error) {
	res, err := g.Uploads.Cancel(ctx, id)
	return received[api.Upload](res, err)
}

func (g *goSDK) CreateFile(ctx context.Context, data io.Reader, describe func() (api.CreateFileRequest, error)) (*api.File, error) {
	req, err := describe()
	if err != nil {
		return nil, err
	}
	params := openai.FileNewParams{File: openai.File(data, req.Filename, "application/octet-stream"), Purpose: openai.FilePurpose(req.Purpose)}
	if e := req.ExpiresAfter; e != nil {
		params.ExpiresAfter = openai.FileNewParamsExpiresAfter{Anchor: constant.CreatedAt(e.Anchor), Seconds: e.Seconds}
	}
	res, err := g.Files.New(ctx, params)
	return received[api.File](res, err)
}

func (g *goSDK) ListFiles(ctx context.Context, q api.ListQuery) (*api.List[api.File], error) {
	params := openai.FileListParams{Order: openai.FileListParamsOrder(q.Order)}
	if q.After != "" {
		params.After = openai.String(q.After)
	}
	if q.Limit != 0 {
		params.Limit = openai.Int(int64(q.Limit))
	}
	if q.Purpose != "" {
		params.Purpose = openai.String(q.Purpose)
	}
	res, err := g.Files.List(ctx, params)
	return received[api.List[api.File]](res, err)
}

func (g *goSDK) GetFile(ctx context.Context, id string) (*api.File, error) {
	res, err := g.Files.Get(ctx, id)
	return received[api.File](res, err)
}

func (g *goSDK) DeleteFile(ctx context.Context, id string) (*api.DeletedFile, error) {
	res, err := g.Files.Delete(ctx, id)
	return received[api.DeletedFile](res, err)
}

func (g *goSDK) OpenFile(ctx context.Context, id string) (api.Content, error) {
	f, err := g.GetFile(ctx, id)
	if err != nil {
		return nil, err
	}
	return &content{file: f, fetch: func(offset int64) ([]byte, http.Header, error) {
		var opts []option.RequestOption
		if offset > 0 {
			opts = append(opts, option.WithHeader("Range", fmt.Sprintf("bytes=%d-", offset)))
		}
		res, err := g.Files.Content(ctx, id, opts...)
		if err != nil {
			return nil, nil, goError(err)
		}
		defer res.Body.Close()
		data, err := io.ReadAll(res.Body)
		return data, res.Header, err
	}}, nil
}

// The extensions go through the SDK's way of asking for what it does not know.

func extension[T any](ctx context.Context, g *goSDK, path string, q api.ListQuery) (*T, error) {
	values := url.Values{}
	for name, value := range map[string]string{"after": q.After, "order": q.Order, "purpose": q.Purpose} {
		if value != "" {
			values.Set(name, value)
		}
	}
	if q.Limit != 0 {
		values.Set("limit", strconv.Itoa(q.Limit))
	}
	v := new(T)
	if err := g.Get(ctx, path+"?"+values.Encode(), nil, v); err != nil {
		return nil, goError(err)
	}
	return v, nil
}

func (g *goSDK) GetUpload(ctx context.Context, id string) (*api.Upload, error) {
	return extension[api.Upload](ctx, g, "uploads/"+id, api.ListQuery{})
}

func (g *goSDK) ListUploads(ctx context.Context, q api.ListQuery) (*api.List[api.Upload], error) {
	return extension[api.List[api.Upload]](ctx, g, "uploads", q)
}

func (g *goSDK) ListParts(ctx context.Context, id string, q api.ListQuery) (*api.List[api.PartInfo], error) {
	return extension[api.List[api.PartInfo]](ctx, g, "uploads/"+id+"/parts", q)
}

func (g *goSDK) Usage(ctx context.Context) (*api.Usage, error) {
	return extension[api.Usage](ctx, g, "usage", api.ListQuery{})
}

// Parts of full size, four at once, named in the order of the file whatever the
// order of their arrival.
func TestGoLargeFile(t *testing.T) {
	client := newGo(serve(t) + "/v1")
	size, partSize := 200<<20, 64<<20
	if testing.Short() {
		size, partSize = 20<<20, 8<<20
	}
	data := uploadstest.Random(1, size)
	u := uploadstest.Must(client.Uploads.New(t.Context(), openai.UploadNewParams{
		Bytes: int64(size), Filename: "large.bin", MimeType: "application/octet-stream", Purpose: openai.FilePurposeUserData}))(t)
	ids := make([]string, (size+partSize-1)/partSize)
	var sent sync.WaitGroup
	for i := range ids {
		sent.Go(func() {
			part := bytes.NewReader(data[i*partSize : min((i+1)*partSize, size)])
			p, err := client.Uploads.Parts.New(t.Context(), u.ID, openai.UploadPartNewParams{Data: part})
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = p.ID
		})
	}
	sent.Wait()
	sum := md5.Sum(data)
	done := uploadstest.Must(client.Uploads.Complete(t.Context(), u.ID, openai.UploadCompleteParams{
		PartIDs: ids, Md5: openai.String(hex.EncodeToString(sum[:]))}))(t)
	res := uploadstest.Must(client.Files.Content(t.Context(), done.File.ID))(t)
	defer res.Body.Close()
	h := sha256.New()
	if n, err := io.Copy(h, res.Body); err != nil || n != int64(size) {
		t.Fatal(n, err)
	}
	if want := sha256.Sum256(data); !bytes.Equal(h.Sum(nil), want[:]) {
		t.Error("the bytes read are not the bytes sent")
	}
}

func TestGoPages(t *testing.T) {
	client := newGo(serve(t) + "/v1")
	for i := range 7 {
		uploadstest.Must(client.Files.New(t.Context(), openai.FileNewParams{
			File: openai.File(strings.NewReader("x"), fmt.Sprint("f", i), "text/plain"), Purpose: openai.FilePurposeBatch}))(t)
	}
	var names []string
	pages := client.Files.ListAutoPaging(t.Context(), openai.FileListParams{Limit: openai.Int(2), Order: "asc"})
	for pages.Next() {
		names = append(names, pages.Current().Filename)
	}
	if err := pages.Err(); err != nil || strings.Join(names, " ") != "f0 f1 f2 f3 f4 f5 f6" {
		t.Errorf("%v, %v", names, err)
	}
}
