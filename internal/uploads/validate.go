package uploads

import (
	"context"
	"io"
	"runtime"

	"uploadd/api"
)

// Validator reads the content of a File that is about to be, and says what is wrong with
// it, "" if nothing is. err is an error of r.
type Validator func(r io.Reader) (fault string, err error)

// bench is where content is validated: by as many at once as there are processors, as
// each may hold a line of some length.
type bench chan struct{}

func newBench() bench { return make(bench, runtime.GOMAXPROCS(0)) }

// validate reads back what is stored, if the purpose has a validator, and fails where
// the content is not what the purpose asks for. param names the field that brought it.
func (s *Service) validate(ctx context.Context, purpose, param string, parts []Part) error {
	validator := s.Validators[purpose]
	if validator == nil {
		return nil
	}
	select {
	case s.bench <- struct{}{}:
		defer func() { <-s.bench }()
	case <-ctx.Done():
		return context.Cause(ctx)
	}
	c := newContent(ctx, s.Blobs, nil, parts)
	defer c.Close()
	fault, err := validator(c)
	if err != nil {
		return storeError(err)
	}
	if fault != "" {
		return api.Errorf(api.ErrInvalid, param, "Invalid file for purpose '%s': %s.", purpose, fault).WithCode(api.CodeInvalidFile)
	}
	return nil
}
