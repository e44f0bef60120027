package importer

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"sync"

	"github.com/mcrflow/mcrflow/internal/apiclient"
	"github.com/mcrflow/mcrflow/internal/errs"
)

// directory turns the names of a file into identifiers of the server.
type directory struct {
	api     *apiclient.Client
	m       *Map
	load    sync.Once
	loadErr error
	known   map[string][]string // name or reference → clients that bear it
	clients cache[string]
	people  cache[string]
}

// faultError is a name that stands for nothing, or for more than one thing: a fault of its row only.
type faultError struct{ fault errs.Field }

// Error names the field and the fault.
func (e faultError) Error() string { return e.fault.Field + ": " + e.fault.Code }

// cache asks for each name once, however many rows want it at the same time.
type cache[T any] struct {
	mu      sync.Mutex
	entries map[string]*entry[T]
}

type entry[T any] struct {
	once  sync.Once
	value T
	err   error
}

func (c *cache[T]) get(name string, find func() (T, error)) (T, error) {
	c.mu.Lock()
	if c.entries == nil {
		c.entries = map[string]*entry[T]{}
	}
	e, ok := c.entries[name]
	if !ok {
		e = new(entry[T])
		c.entries[name] = e
	}
	c.mu.Unlock()
	e.once.Do(func() { e.value, e.err = find() })
	return e.value, e.err
}

// client finds the client of a row, or makes it when the map says so.
func (d *directory) client(ctx context.Context, name string) (string, error) {
	return d.clients.get(name, func() (string, error) {
		d.load.Do(func() { d.known, d.loadErr = d.loadClients(ctx) })
		if d.loadErr != nil {
			return "", d.loadErr
		}
		switch ids := d.known[name]; {
		case len(ids) == 1:
			return ids[0], nil
		case len(ids) > 1:
			return "", faultError{errs.Field{Field: "client_id", Code: "ambiguous_client", Args: errs.Args("value", shown(name))}}
		case d.m.Client.Create == nil || d.m.Client.By == nil:
			return "", faultError{errs.Field{Field: "client_id", Code: "unknown_client", Args: errs.Args("value", shown(name))}}
		}
		return d.create(ctx, name)
	})
}

func (d *directory) loadClients(ctx context.Context) (map[string][]string, error) {
	all, err := storedClients(ctx, d.api)
	known := map[string][]string{}
	for _, c := range all {
		name := c.Name
		if d.byReference() {
			name = c.ExternalRef
		}
		if name != "" && !slices.Contains(known[name], c.ID) {
			known[name] = append(known[name], c.ID)
		}
	}
	return known, err
}

// storedClient is a client of the server, under one of its names and references; ID is that of the survivor when it was merged.
type storedClient struct {
	ID           string  `json:"id"`
	Name         string  `json:"name"`
	Region       string  `json:"region"`
	ExternalRef  string  `json:"external_ref"`
	MergedIntoID *string `json:"merged_into_id"`
}

// storedClients lists all clients of the server, and those that were merged as other names of their survivors.
func storedClients(ctx context.Context, api *apiclient.Client) (all []storedClient, err error) {
	for _, query := range []url.Values{nil, {"status": {"merged"}}} {
		err = errors.Join(err, apiclient.Each(ctx, api, "/clients", query, func(c storedClient) error {
			if c.MergedIntoID != nil {
				c.ID = *c.MergedIntoID
			}
			all = append(all, c)
			return nil
		}))
	}
	return all, err
}

func (d *directory) byReference() bool {
	return d.m.Client.Match == "external_ref" && d.m.Client.By != nil
}

// create makes a client. Its key is the name's, so that imports that run side by side make it once.
func (d *directory) create(ctx context.Context, name string) (string, error) {
	body := map[string]string{"name": name}
	if d.byReference() {
		body["external_ref"] = name
	}
	how := d.m.Client.Create
	for field, value := range map[string]string{"industry": how.Industry, "region": how.Region, "class": how.Class, "status": how.Status} {
		if value != "" {
			body[field] = value
		}
	}
	var made struct {
		ID string `json:"id"`
	}
	_, err := d.api.Post(ctx, "/clients", "import:"+d.m.Name+":client:"+portable(name), body, &made)
	return made.ID, err
}

// person finds a user by name.
func (d *directory) person(ctx context.Context, username string) (string, error) {
	return d.people.get(username, func() (string, error) { return findUser(ctx, d.api, "first_contact_id", username) })
}

// findUser finds a user by name; one who does not exist is a fault of the field.
func findUser(ctx context.Context, api *apiclient.Client, field, username string) (string, error) {
	found := ""
	err := apiclient.Each(ctx, api, "/users", url.Values{"username": {username}}, func(u apiclient.User) error {
		if u.Username == username {
			found = u.ID
		}
		return nil
	})
	if err == nil && found == "" {
		err = faultError{errs.Field{Field: field, Code: "unknown_user", Args: errs.Args("value", shown(username))}}
	}
	return found, err
}

// complete adds to a draft what the server knows.
func (d *directory) complete(ctx context.Context, dr *caseDraft) error {
	var err error
	var f faults
	look := func(name string, find func(context.Context, string) (string, error)) (id string) {
		if name == "" || err != nil {
			return ""
		}
		var failed error
		id, failed = find(ctx, name)
		var one faultError
		if errors.As(failed, &one) {
			f = append(f, one.fault)
			return ""
		}
		err = failed
		return id
	}
	dr.body.ClientID = look(dr.client, d.client)
	dr.body.FirstContactID = look(dr.person, d.person)
	if err != nil {
		return err
	}
	return f.err()
}
