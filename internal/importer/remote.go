package importer

import (
	"context"
	"errors"
	"net/url"
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
	clients cache
	people  cache
}

// faultError is a name that stands for nothing, or for more than one thing: a fault of its row only.
type faultError struct{ fault errs.Field }

// Error names the field and the fault.
func (e faultError) Error() string { return e.fault.Field + ": " + e.fault.Code }

// cache asks for each name once, however many rows want it at the same time.
type cache struct {
	mu      sync.Mutex
	entries map[string]*entry
}

type entry struct {
	once sync.Once
	id   string
	err  error
}

func (c *cache) get(name string, find func() (string, error)) (string, error) {
	c.mu.Lock()
	if c.entries == nil {
		c.entries = map[string]*entry{}
	}
	e, ok := c.entries[name]
	if !ok {
		e = new(entry)
		c.entries[name] = e
	}
	c.mu.Unlock()
	e.once.Do(func() { e.id, e.err = find() })
	return e.id, e.err
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
	type client struct {
		ID          string `json:"id"`
		Name        string `json:"name"`
		ExternalRef string `json:"external_ref"`
	}
	known := map[string][]string{}
	err := apiclient.Each(ctx, d.api, "/clients", nil, func(c client) error {
		name := c.Name
		if d.byReference() {
			name = c.ExternalRef
		}
		if name != "" {
			known[name] = append(known[name], c.ID)
		}
		return nil
	})
	return known, err
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
	return d.people.get(username, func() (string, error) {
		found := ""
		err := apiclient.Each(ctx, d.api, "/users", url.Values{"username": {username}}, func(u apiclient.User) error {
			if u.Username == username {
				found = u.ID
			}
			return nil
		})
		if err == nil && found == "" {
			err = faultError{errs.Field{Field: "first_contact_id", Code: "unknown_user", Args: errs.Args("value", shown(username))}}
		}
		return found, err
	})
}

// complete adds to a draft what the server knows.
func (d *directory) complete(ctx context.Context, dr *draft) error {
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
