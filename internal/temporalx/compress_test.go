package temporalx

import (
	"crypto/rand"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

func payload(data []byte) *commonpb.Payload {
	return &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte("json/plain")}, Data: data}
}

func TestCompressedPayloadsAreOpenedByTheSDKsCodec(t *testing.T) {
	t.Parallel()

	long := payload([]byte(strings.Repeat(`{"name":"first_response"}`, 100)))
	for range 3 { // the writer is used again
		encoded, err := newCompression().Encode([]*commonpb.Payload{long})
		require.NoError(t, err)
		require.Less(t, len(encoded[0].GetData()), len(long.GetData())/5)

		decoded, err := converter.NewZlibCodec(converter.ZlibCodecOptions{}).Decode(encoded)
		require.NoError(t, err)
		require.True(t, proto.Equal(long, decoded[0]))
	}
}

func TestPayloadsThatDoNotBecomeSmallerStayAsTheyAre(t *testing.T) {
	t.Parallel()

	noise := make([]byte, 4*compressFrom)
	_, err := rand.Read(noise)
	require.NoError(t, err)
	plain := []*commonpb.Payload{payload([]byte(`{"seq":1}`)), payload(noise)}

	encoded, err := newCompression().Encode(plain)
	require.NoError(t, err)
	for i := range plain {
		require.True(t, proto.Equal(plain[i], encoded[i]))
	}
	decoded, err := newCompression().Decode(encoded)
	require.NoError(t, err)
	require.True(t, proto.Equal(plain[0], decoded[0]))
}
