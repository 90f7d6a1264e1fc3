package conform

// Source is where it is written what a check wants.
type Source struct {
	Basis Basis  `json:"basis"`
	URL   string `json:"url"`
}

// Basis is the kind of a source.
type Basis string

const (
	// Reference: OpenAI's reference says it.
	Reference Basis = "reference"
	// Recorded: it is in recorded traffic of the service.
	Recorded Basis = "recorded"
	// Client: an official SDK sends it, or relies on it.
	Client Basis = "client"
	// Standard: an RFC says it.
	Standard Basis = "standard"
	// Extension: uploadd promises it, beyond OpenAI's API. Only a server that has the
	// extension is held to it.
	Extension Basis = "extension"
)

const (
	docs    = "https://platform.openai.com/docs/api-reference/"
	spec    = "https://github.com/openai/openai-openapi/blob/f85dbe223d40e1a31cba812ab2d755c7e98a92a3/openapi.yaml"
	python  = "https://github.com/openai/openai-python/blob/e43b422412a9e96c9cc5192c61fffbe2d7e04836/"
	node    = "https://github.com/openai/openai-node/blob/7b7d6ca71130d37ec09792c50056b47861f2eccf/"
	java    = "https://github.com/openai/openai-java/blob/5f499c32eb4357e2552d9f97697d63eddbc6069b/openai-java-core/src/main/kotlin/com/openai/"
	dotnet  = "https://github.com/openai/openai-dotnet/blob/b3b4bbbc31cebef0f4978071d586856360173c89/"
	records = dotnet + "tests/SessionRecords/"
)

var (
	refCreateUpload = Source{Reference, docs + "uploads/create"}
	refAddPart      = Source{Reference, docs + "uploads/add-part"}
	refComplete     = Source{Reference, docs + "uploads/complete"}
	refCancel       = Source{Reference, docs + "uploads/cancel"}
	refUpload       = Source{Reference, docs + "uploads/object"}
	refPart         = Source{Reference, docs + "uploads/part-object"}
	refCreateFile   = Source{Reference, docs + "files/create"}
	refListFiles    = Source{Reference, docs + "files/list"}
	refGetFile      = Source{Reference, docs + "files/retrieve"}
	refDeleteFile   = Source{Reference, docs + "files/delete"}
	refContent      = Source{Reference, docs + "files/retrieve-contents"}
	refFile         = Source{Reference, docs + "files/object"}
	refAuth         = Source{Reference, docs + "authentication"}
	refDebugging    = Source{Reference, docs + "debugging-requests"}
	refSchemas      = Source{Reference, spec}
	refErrorCodes   = Source{Reference, "https://platform.openai.com/docs/guides/error-codes/api-errors"}

	recUpload       = Source{Recorded, records + "UploadsTests/CreateUploadWorks(True).json"}
	recFile         = Source{Recorded, records + "FilesTests/GetFile.json"}
	recFileError    = Source{Recorded, records + "FilesTests/GetFileCanParseServiceError.json"}
	recPurposeError = Source{Recorded, records + "FilesTests/UploadFileCanParseServiceError.json"}
	recName         = Source{Recorded, records + "FilesTests/NonAsciiFilename.json"}
	recContent      = Source{Recorded, "https://github.com/alexrudall/ruby-openai/blob/fd258552b4d9e7faf2d2ae493fcf6b1e145a8a09/spec/fixtures/cassettes/files_content.yml"}

	pyRetry    = Source{Client, python + "src/openai/_base_client.py#L815-L857"}
	pyPurposes = Source{Client, python + "src/openai/types/file_purpose.py#L7"}
	pyStatus   = Source{Client, python + "src/openai/types/file_object.py#L45"}
	pyHelper   = Source{Client, python + "src/openai/resources/uploads/uploads.py#L143-L166"}
	pyPartSize = Source{Client, python + "src/openai/resources/uploads/uploads.py#L38"}
	pyExample  = Source{Client, python + "examples/uploads.py#L20"}
	pyWait     = Source{Client, python + "src/openai/resources/files.py#L369"}
	pyAccept   = Source{Client, python + "src/openai/resources/files.py#L318"}
	pyPages    = Source{Client, python + "src/openai/pagination.py#L71-L83"}
	nodeForm   = Source{Client, node + "src/internal/uploads.ts"}
	nodeError  = Source{Client, node + "src/core/error.ts#L68"}
	javaForm   = Source{Client, java + "core/http/HttpRequestBodies.kt"}
	javaPages  = Source{Client, java + "models/files/FileListPage.kt#L37"}
	dotnetForm = Source{Client, dotnet + "OpenAI/src/Generated/Internal/MultiPartFormDataBinaryContent.cs"}
	goForm     = Source{Client, "https://github.com/openai/openai-go/blob/4e5a07a/internal/apiform/encoder.go"}
	rubyUtil   = Source{Client, "https://github.com/openai/openai-ruby/blob/edfb30b/lib/openai/internal/util.rb"}
	rubyEdge   = Source{Client, "https://github.com/openai/openai-ruby/issues/748"}
	goDecode   = Source{Client, "https://github.com/openai/openai-go/blob/4e5a07a/internal/requestconfig/requestconfig.go"}
	rfcExpect  = Source{Standard, "https://www.rfc-editor.org/rfc/rfc9110.html#section-10.1.1"}
	rfcRange   = Source{Standard, "https://www.rfc-editor.org/rfc/rfc9110.html#section-14.2"}
	rfcHead    = Source{Standard, "https://www.rfc-editor.org/rfc/rfc9110.html#section-9.3.2"}
	rfcETag    = Source{Standard, "https://www.rfc-editor.org/rfc/rfc9110.html#section-13.1.2"}
	extUploads = Source{Extension, "api/openapi.json"} // of this repository
)
