package temporalx

import (
	"bytes"
	"compress/zlib"
	"sync"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

const (
	encodingZlib = "binary/zlib"
	// compressFrom is the size in bytes from which compression is tried: what it saves on a smaller payload costs more time than to
	// carry it.
	compressFrom = 2048
)

// zlibWriters are kept because a fresh one allocates about a megabyte. One for every payload of every step was a fifth of the
// worker's CPU time, and most of its garbage.
var zlibWriters = sync.Pool{New: func() any {
	w, _ := zlib.NewWriterLevel(nil, zlib.BestSpeed) // fails on a bad level only
	return w
}}

// compression is the SDK's zlib codec on the wire, at less cost.
type compression struct{ converter.PayloadCodec }

func newCompression() converter.PayloadCodec {
	return compression{converter.NewZlibCodec(converter.ZlibCodecOptions{})}
}

// Encode compresses the payloads that become smaller by it.
func (compression) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		out[i] = p
		if len(p.GetData()) < compressFrom {
			continue
		}
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, err
		}
		small, err := deflate(plain)
		if err != nil {
			return nil, err
		}
		if len(small) < len(plain) {
			out[i] = &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte(encodingZlib)}, Data: small}
		}
	}
	return out, nil
}

func deflate(plain []byte) ([]byte, error) {
	var b bytes.Buffer
	w := zlibWriters.Get().(*zlib.Writer)
	defer zlibWriters.Put(w)
	w.Reset(&b)
	if _, err := w.Write(plain); err != nil {
		return nil, err
	}
	if err := w.Close(); err != nil {
		return nil, err
	}
	return b.Bytes(), nil
}
