package observe_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync"
	"syscall"
	"testing"

	"uploadd/api"
	"uploadd/internal/blob"
	"uploadd/internal/meta"
	"uploadd/internal/observe"
	"uploadd/internal/uploads"
	"uploadd/internal/uploads/uploadstest"
)

// log is an observer that remembers how calls began and ended.
type log struct {
	mu    sync.Mutex
	lines []string
}

func (l *log) observe(ctx context.Context, store, operation string) (context.Context, func(error)) {
	return ctx, func(err error) {
		l.mu.Lock()
		defer l.mu.Unlock()
		l.lines = append(l.lines, fmt.Sprint(store, ".", operation, " ", err))
	}
}

// take returns what there is, and forgets it.
func (l *log) take() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	defer func() { l.lines = nil }()
	return strings.Join(l.lines, "; ")
}

func openMeta(t testing.TB) uploads.Meta {
	t.Helper()
	m := uploadstest.Must(meta.OpenSQLite(context.Background(), filepath.Join(t.TempDir(), "x.db")))(t)
	t.Cleanup(func() { m.Close() })
	return m
}

func openBlobs(t testing.TB) uploads.Blobs {
	t.Helper()
	b := uploadstest.Must(blob.OpenDisk(t.TempDir()))(t)
	t.Cleanup(func() { b.Close() })
	return b
}

// Behind an observer a store is what it was: arguments and results pass unchanged.
func TestStoresStayThemselves(t *testing.T) {
	uploadstest.TestMeta(t, func(t *testing.T) uploads.Meta { return observe.Meta(openMeta(t), new(log).observe) })
	uploadstest.TestBlobs(t, func(t *testing.T) uploads.Blobs { return observe.Blobs(openBlobs(t), new(log).observe) })
}

var (
	capital = regexp.MustCompile(`\B[A-Z]`)
	errOurs = errors.New("this one")
)

// Every method is told of, by its own name, with its error; it is that method which
// is called, and its error which is returned.
func TestEveryMethodIsToldOf(t *testing.T) {
	var called string
	var told log
	m, b := uploadstest.Intercept(openMeta(t), openBlobs(t), func(op string, _ func() error) error {
		called = op
		return errOurs
	})
	for name, store := range map[string]any{"Meta": observe.Meta(m, told.observe), "Blobs": observe.Blobs(b, told.observe)} {
		for _, method := range methodsOf(store) {
			if err := call(store, method, t.Context()); err != errOurs {
				t.Errorf("%s.%s returns %v", name, method, err)
			}
			if called != name+"."+method {
				t.Errorf("%s.%s has called %s", name, method, called)
			}
			want := strings.ToLower(name+"."+capital.ReplaceAllString(method, "_$0")) + " this one"
			if got := told.take(); got != want {
				t.Errorf("%s.%s was told as %q, want %q", name, method, got, want)
			}
		}
	}
}

// What an observer adds to the context reaches the store: here, that the caller left.
func TestContextReachesTheStore(t *testing.T) {
	left, cancel := context.WithCancel(t.Context())
	cancel()
	m := observe.Meta(openMeta(t), func(context.Context, string, string) (context.Context, func(error)) {
		return left, func(error) {}
	})
	for _, method := range methodsOf(m) {
		if method == "Close" { // which has none
			continue
		}
		if err := call(m, method, t.Context()); !errors.Is(err, context.Canceled) {
			t.Errorf("%s returns %v", method, err)
		}
	}
}

// methodsOf are those of the interface that a store is made for.
func methodsOf(store any) (names []string) {
	of := reflect.TypeFor[uploads.Meta]()
	if _, ok := store.(uploads.Blobs); ok {
		of = reflect.TypeFor[uploads.Blobs]()
	}
	for i := range of.NumMethod() {
		names = append(names, of.Method(i).Name)
	}
	return names
}

// call calls a method with arguments that are not empty, and returns its error.
func call(store any, method string, ctx context.Context) error {
	f := reflect.ValueOf(store).MethodByName(method)
	var args []reflect.Value
	for i := range f.Type().NumIn() {
		args = append(args, some(f.Type().In(i), ctx))
	}
	results := f.Call(args)
	err, _ := results[len(results)-1].Interface().(error)
	return err
}

func some(of reflect.Type, ctx context.Context) reflect.Value {
	v := reflect.New(of).Elem()
	switch of.Kind() {
	case reflect.Interface:
		if of == reflect.TypeFor[context.Context]() {
			v.Set(reflect.ValueOf(ctx))
		} else {
			v.Set(reflect.ValueOf(strings.NewReader("bytes")))
		}
	case reflect.String:
		v.SetString(uploadstest.Key(1))
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Pointer:
		v.Set(reflect.New(of.Elem()))
	case reflect.Slice:
		v.Set(reflect.MakeSlice(of, 1, 1))
	}
	return v
}

// A blob is told of as opened, and as read once it is closed, with what went wrong
// on the way.
func TestReading(t *testing.T) {
	var told log
	broken := false
	_, b := uploadstest.Intercept(openMeta(t), openBlobs(t), func(op string, do func() error) error {
		if broken && op == "Blobs.Read" {
			return errOurs
		}
		return do()
	})
	blobs := observe.Blobs(b, told.observe)
	uploadstest.Must(blobs.Put(t.Context(), uploadstest.Key(1), strings.NewReader("bytes")))(t)
	for _, want := range []string{"blobs.read <nil>", "blobs.read this one"} {
		told.take()
		r := uploadstest.Must(blobs.Open(t.Context(), uploadstest.Key(1), 0, 5))(t)
		if got := told.take(); got != "blobs.open <nil>" {
			t.Errorf("opening was told as %q", got)
		}
		if got, err := io.ReadAll(r); !broken && string(got) != "bytes" {
			t.Errorf("read %q, %v", got, err)
		}
		if got := told.take(); got != "" {
			t.Errorf("reading was told as %q before it was over", got)
		}
		r.Close()
		r.Close()
		if got := told.take(); got != want {
			t.Errorf("reading was told as %q, want %q", got, want)
		}
		broken = true
	}
}

// A call that panics ends too.
func TestPanic(t *testing.T) {
	var told log
	blobs := observe.Blobs(openBlobs(t), told.observe)
	func() {
		defer func() { recover() }()
		blobs.Put(t.Context(), uploadstest.Key(1), nil)
	}()
	if got := told.take(); got != "blobs.put the store panicked" {
		t.Errorf("told as %q", got)
	}
}

func TestFailed(t *testing.T) {
	for _, err := range []error{
		nil, fs.ErrNotExist, uploads.ErrConflict, uploads.ErrTooMuch, uploads.ErrLostKey, context.Canceled,
		&uploads.QuotaError{Of: "bytes"}, api.Errorf(api.ErrInvalid, "", "The body breaks off.").Because(io.ErrUnexpectedEOF),
		fmt.Errorf("%w: %w", uploads.ErrUnavailable, context.Canceled),
	} {
		if observe.Failed(err) || err != nil && observe.Failed(fmt.Errorf("storing: %w", err)) {
			t.Errorf("%v is taken for a failure of the store", err)
		}
	}
	for _, err := range []error{syscall.ENOSPC, syscall.EIO, uploads.ErrUnavailable, uploads.ErrCorrupt, context.DeadlineExceeded, errOurs} {
		if !observe.Failed(fmt.Errorf("storing: %w", err)) {
			t.Errorf("%v is not taken for a failure of the store", err)
		}
	}
}
