package conform

// Result is how one check ended.
type Result struct {
	Check
	verdict
}

// Report is what a run found.
type Report struct {
	Server    string // the base URL
	Run       string // what the names of everything that it made begin with
	Purpose   string // of most of that
	StartedAt int64  // Unix seconds
	Results   []Result
	Requests  int64
	BytesSent int64 // in bodies
	// Left is what could not be removed.
	Left []Leftover
	// How many Uploads may still be open, and how many Files may still be there, because the
	// answer to their creation was lost and no list could be searched for them. They
	// expire by themselves.
	UnsureUploads, UnsureFiles int
	Interrupted                bool
}

// Count returns how many results have an outcome.
func (r *Report) Count(o Outcome) (n int) {
	for i := range r.Results {
		if r.Results[i].Outcome == o {
			n++
		}
	}
	return n
}

// Worst returns the largest severity of a difference; 0 if there is none.
func (r *Report) Worst() (worst Severity) {
	for i := range r.Results {
		if r.Results[i].Outcome == Differs {
			worst = max(worst, r.Results[i].Severity)
		}
	}
	return worst
}
