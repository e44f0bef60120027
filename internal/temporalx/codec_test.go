package temporalx_test

import (
	"bytes"
	"encoding/base64"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
	"pgregory.net/rapid"

	"github.com/mcrflow/mcrflow/internal/temporalx"
)

func newKey(t *testing.T, id string) string {
	t.Helper()
	key, err := temporalx.NewKey(id)
	require.NoError(t, err)
	return key
}

func ring(t *testing.T, text string) *temporalx.Keyring {
	t.Helper()
	keys, err := temporalx.ParseKeyring(text)
	require.NoError(t, err)
	return keys
}

func TestCodec_opens_what_it_sealed_and_shows_none_of_it(t *testing.T) {
	t.Parallel()
	codec := temporalx.NewCodec(ring(t, newKey(t, "k1")))
	rapid.Check(t, func(rt *rapid.T) {
		var clear []*commonpb.Payload
		for range rapid.IntRange(0, 4).Draw(rt, "payloads") {
			clear = append(clear, &commonpb.Payload{
				Metadata: map[string][]byte{converter.MetadataEncoding: []byte("json/plain"), "m": rapid.SliceOf(rapid.Byte()).Draw(rt, "meta")},
				Data:     rapid.SliceOfN(rapid.Byte(), 0, 2000).Draw(rt, "data"),
			})
		}
		sealed, err := codec.Encode(clear)
		require.NoError(rt, err)
		require.Len(rt, sealed, len(clear))
		for i, p := range sealed {
			require.Equal(rt, "binary/encrypted", string(p.Metadata[converter.MetadataEncoding]))
			require.Len(rt, p.Metadata, 2, "only the encoding and the key's id are in clear")
			if len(clear[i].Data) > 8 {
				require.False(rt, bytes.Contains(p.Data, clear[i].Data))
			}
		}
		opened, err := codec.Decode(sealed)
		require.NoError(rt, err)
		for i := range clear {
			require.True(rt, proto.Equal(clear[i], opened[i]))
		}
	})
}

func TestCodec_never_seals_the_same_way_twice(t *testing.T) {
	t.Parallel()
	codec := temporalx.NewCodec(ring(t, newKey(t, "k1")))
	p := &commonpb.Payload{Data: []byte("the same text")}
	sealed, err := codec.Encode([]*commonpb.Payload{p, p})
	require.NoError(t, err)
	require.NotEqual(t, sealed[0].Data, sealed[1].Data)
}

func TestCodec_rotation(t *testing.T) {
	t.Parallel()
	oldKey, freshKey := newKey(t, "2025"), newKey(t, "2026")
	before := temporalx.NewCodec(ring(t, oldKey))
	after := temporalx.NewCodec(ring(t, freshKey+", "+oldKey))
	history, err := before.Encode([]*commonpb.Payload{{Data: []byte("kept")}})
	require.NoError(t, err)

	opened, err := after.Decode(history)
	require.NoError(t, err, "the old key still opens")
	require.Equal(t, "kept", string(opened[0].Data))

	sealed, err := after.Encode(opened)
	require.NoError(t, err)
	require.Equal(t, "2026", string(sealed[0].Metadata["encryption-key-id"]), "the new key seals")
	_, err = before.Decode(sealed)
	require.ErrorContains(t, err, "2026", "who lacks the key is told which one")
}

func TestCodec_detects_tampering(t *testing.T) {
	t.Parallel()
	first, second := newKey(t, "a"), newKey(t, "b")
	codec := temporalx.NewCodec(ring(t, first+","+second))
	seal := func() *commonpb.Payload {
		sealed, err := codec.Encode([]*commonpb.Payload{{Data: []byte("pay 100")}})
		require.NoError(t, err)
		return sealed[0]
	}
	length := len(seal().Data)
	for i := range length {
		p := seal()
		p.Data[i] ^= 1
		_, err := codec.Decode([]*commonpb.Payload{p})
		require.Error(t, err, "byte %d", i)
	}
	for n := range length {
		p := seal()
		p.Data = p.Data[:n]
		_, err := codec.Decode([]*commonpb.Payload{p})
		require.Error(t, err, "cut to %d bytes", n)
	}
	p := seal()
	p.Metadata["encryption-key-id"] = []byte("b")
	_, err := codec.Decode([]*commonpb.Payload{p})
	require.Error(t, err, "another key's id")
}

func TestCodec_lets_clear_payloads_pass(t *testing.T) {
	t.Parallel()
	codec := temporalx.NewCodec(ring(t, newKey(t, "k1")))
	p := &commonpb.Payload{Metadata: map[string][]byte{converter.MetadataEncoding: []byte("json/plain")}, Data: []byte(`"x"`)}
	opened, err := codec.Decode([]*commonpb.Payload{p})
	require.NoError(t, err)
	require.True(t, proto.Equal(p, opened[0]))
}

func TestParseKeyring_faults(t *testing.T) {
	t.Parallel()
	good := newKey(t, "k1")
	for name, text := range map[string]string{
		"empty": "", "no id": ":" + strings.TrimPrefix(good, "k1:"), "no key": "k1", "not base64": "k1:%%%", "short": "k1:c2hvcnQ=",
		"twice": good + "," + newKey(t, "k1"), "trailing comma": good + ",",
	} {
		_, err := temporalx.ParseKeyring(text)
		require.Error(t, err, name)
		if len(text) > 40 {
			require.NotContains(t, err.Error(), strings.TrimPrefix(good, "k1:"), "no key is ever in a message")
		}
	}
}

func TestKeyring_seals_secrets(t *testing.T) {
	t.Parallel()
	oldKey := newKey(t, "2025")
	sealed, err := ring(t, oldKey).Seal([]byte("whsec"))
	require.NoError(t, err)
	rotated := ring(t, newKey(t, "2026")+","+oldKey)
	plain, err := rotated.Open(sealed)
	require.NoError(t, err)
	require.Equal(t, "whsec", string(plain))
	for i := range sealed {
		broken := bytes.Clone(sealed)
		broken[i] ^= 1
		_, err := rotated.Open(broken)
		require.Error(t, err, "byte %d", i)
	}
	_, err = rotated.Open([]byte("no key id"))
	require.Error(t, err)
	_, err = ring(t, newKey(t, "2026")).Open(sealed)
	require.ErrorContains(t, err, "2025")
}

func TestKeyring_derives_a_key_for_each_purpose_from_each_key(t *testing.T) {
	t.Parallel()
	one, two := newKey(t, "k1"), newKey(t, "k2")
	derive := func(text, purpose string) [][]byte {
		keys, err := ring(t, text).Derive(purpose)
		require.NoError(t, err)
		return keys
	}
	keys := derive(two+","+one, "links")
	require.Len(t, keys, 2)
	require.Len(t, keys[0], 32)
	require.Equal(t, keys, derive(two+","+one, "links"), "the same at each start")
	require.Equal(t, derive(one, "links")[0], keys[1], "the active one first")
	require.NotEqual(t, keys[0], keys[1])
	require.NotEqual(t, keys[0], derive(two, "other")[0])
	require.NotContains(t, two, base64.StdEncoding.EncodeToString(keys[0]))
}

func TestDataConverter_compresses_before_it_seals(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("the same words again and again ", 1000)
	sealed, err := temporalx.DataConverter(ring(t, newKey(t, "k1"))).ToPayload(text)
	require.NoError(t, err)
	require.Equal(t, "binary/encrypted", string(sealed.Metadata[converter.MetadataEncoding]))
	require.Less(t, len(sealed.Data), len(text)/10)

	open, err := temporalx.DataConverter(nil).ToPayload(text)
	require.NoError(t, err)
	require.Equal(t, "json/plain", string(open.Metadata[converter.MetadataEncoding]), "without keys payloads are in clear")
}
