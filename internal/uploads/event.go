package uploads

import "uploadd/api"

// WireUpload is an Upload that has ended as the wire shows it, with the File that it
// became, if any.
func WireUpload(u *Upload, f *File) *api.Upload { return wireUpload(u, f, u.ExpiresAt) }

// WireFile is the File as the wire shows it.
func WireFile(f *File) *api.File { return wireFile(f) }
