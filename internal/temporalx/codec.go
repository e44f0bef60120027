package temporalx

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	commonpb "go.temporal.io/api/common/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/proto"
)

const (
	encodingEncrypted = "binary/encrypted"
	metadataKeyID     = "encryption-key-id"
)

// Keyring holds the AES-256 keys that payloads in the engine's history are sealed with. The first one seals; all open.
type Keyring struct {
	active string
	seal   map[string]cipher.AEAD
	keys   [][]byte // in their order
}

// ParseKeyring reads `id:base64,id:base64`: 32-byte keys with an id each, the active one first. To rotate, put a new key
// in front and keep the old ones until the histories that they seal are gone.
func ParseKeyring(text string) (*Keyring, error) {
	k := &Keyring{seal: map[string]cipher.AEAD{}}
	for _, part := range strings.Split(text, ",") {
		id, encoded, ok := strings.Cut(strings.TrimSpace(part), ":")
		if !ok || id == "" {
			return nil, errors.New("a key is written id:base64")
		}
		key, err := base64.StdEncoding.DecodeString(encoded)
		if err != nil || len(key) != 32 {
			return nil, fmt.Errorf("key %s is not 32 bytes in base64", id)
		}
		if _, twice := k.seal[id]; twice {
			return nil, fmt.Errorf("key id %s appears twice", id)
		}
		block, err := aes.NewCipher(key)
		if err != nil {
			return nil, err
		}
		if k.seal[id], err = cipher.NewGCM(block); err != nil {
			return nil, err
		}
		if k.active == "" {
			k.active = id
		}
		k.keys = append(k.keys, key)
	}
	return k, nil
}

// NewKey returns a fresh key in the notation of ParseKeyring.
func NewKey(id string) (string, error) {
	var key [32]byte
	if _, err := rand.Read(key[:]); err != nil {
		return "", err
	}
	return id + ":" + base64.StdEncoding.EncodeToString(key[:]), nil
}

// Seal encrypts a secret of the product, such as a webhook's, with the active key; the key's id is in front.
func (k *Keyring) Seal(plain []byte) ([]byte, error) {
	sealed, err := k.encrypt(plain, []byte(k.active))
	if err != nil {
		return nil, err
	}
	return append([]byte(k.active+":"), sealed...), nil
}

// Open is Seal's inverse.
func (k *Keyring) Open(sealed []byte) ([]byte, error) {
	id, rest, ok := strings.Cut(string(sealed), ":")
	if !ok {
		return nil, errors.New("sealed secret without key id")
	}
	return k.decrypt(id, []byte(rest), []byte(id))
}

// Derive returns a key of 32 bytes for another purpose from each of the keys, in their order (HKDF with SHA-256): who knows
// one of them knows neither the key behind it nor that of another purpose.
func (k *Keyring) Derive(purpose string) ([][]byte, error) {
	derived := make([][]byte, len(k.keys))
	for i, key := range k.keys {
		var err error
		if derived[i], err = hkdf.Key(sha256.New, key, nil, "mcrflow: "+purpose, 32); err != nil {
			return nil, err
		}
	}
	return derived, nil
}

func (k *Keyring) encrypt(plain, extra []byte) ([]byte, error) {
	aead := k.seal[k.active]
	nonce := make([]byte, aead.NonceSize(), aead.NonceSize()+len(plain)+aead.Overhead())
	if _, err := rand.Read(nonce); err != nil {
		return nil, err
	}
	return aead.Seal(nonce, nonce, plain, extra), nil
}

func (k *Keyring) decrypt(id string, sealed, extra []byte) ([]byte, error) {
	aead, ok := k.seal[id]
	if !ok {
		return nil, fmt.Errorf("key %s is not in the keyring", id)
	}
	if len(sealed) < aead.NonceSize() {
		return nil, errors.New("sealed payload is too short")
	}
	return aead.Open(nil, sealed[:aead.NonceSize()], sealed[aead.NonceSize():], extra)
}

// Codec seals every payload with AES-256-GCM under the keyring's active key.
type Codec struct{ keys *Keyring }

// NewCodec returns the codec of a keyring.
func NewCodec(keys *Keyring) *Codec { return &Codec{keys: keys} }

// Encode seals payloads; the key's id is bound to the sealed bytes.
func (c *Codec) Encode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		plain, err := proto.Marshal(p)
		if err != nil {
			return nil, err
		}
		sealed, err := c.keys.encrypt(plain, []byte(c.keys.active))
		if err != nil {
			return nil, err
		}
		out[i] = &commonpb.Payload{Data: sealed, Metadata: map[string][]byte{
			converter.MetadataEncoding: []byte(encodingEncrypted), metadataKeyID: []byte(c.keys.active),
		}}
	}
	return out, nil
}

// Decode opens payloads; one that was not sealed passes as it is, so that encryption can be switched on later.
func (c *Codec) Decode(payloads []*commonpb.Payload) ([]*commonpb.Payload, error) {
	out := make([]*commonpb.Payload, len(payloads))
	for i, p := range payloads {
		if string(p.GetMetadata()[converter.MetadataEncoding]) != encodingEncrypted {
			out[i] = p
			continue
		}
		id := string(p.GetMetadata()[metadataKeyID])
		plain, err := c.keys.decrypt(id, p.GetData(), []byte(id))
		if err != nil {
			return nil, fmt.Errorf("open payload: %w", err)
		}
		out[i] = &commonpb.Payload{}
		if err := proto.Unmarshal(plain, out[i]); err != nil {
			return nil, err
		}
	}
	return out, nil
}

// DataConverter returns the converter that client and worker share: JSON, compressed when that pays, then sealed. A nil
// keyring leaves payloads in clear.
func DataConverter(keys *Keyring) converter.DataConverter {
	base := converter.GetDefaultDataConverter()
	if keys == nil {
		return base
	}
	// Codecs apply from last to first: compression must see the plain bytes.
	return converter.NewCodecDataConverter(base, NewCodec(keys), newCompression())
}
