package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	namespacepb "go.temporal.io/api/namespace/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"
	sdklog "go.temporal.io/sdk/log"
	"google.golang.org/protobuf/types/known/durationpb"

	"go.temporal.io/server/common/log"
)

const (
	// readyTimeout is far above the usual second: a loaded machine is no fault.
	readyTimeout   = 90 * time.Second
	attemptTimeout = 5 * time.Second
	retryInterval  = 50 * time.Millisecond
)

// setUpNamespace registers the namespace and search attributes of o, or brings
// them up to date, and waits until the server answers for that namespace.
func setUpNamespace(ctx context.Context, o options, logger log.Logger) error {
	ctx, cancel := context.WithTimeout(ctx, readyTimeout)
	defer cancel()
	c, err := client.NewLazyClient(client.Options{
		HostPort:  dialAddress(o.Address),
		Namespace: o.Namespace,
		Logger:    sdklog.Logger(log.NewSdkLogger(logger)),
	})
	if err != nil {
		return fmt.Errorf("connect to the server: %w", err)
	}
	defer c.Close()

	for _, step := range []struct {
		name string
		run  func(context.Context, client.Client, options) error
	}{
		{"register namespace", registerNamespace},
		{"register search attributes of", addSearchAttributes},
		{"wait for namespace", probe},
	} {
		if err := retry(ctx, func(ctx context.Context) error { return step.run(ctx, c, o) }); err != nil {
			return fmt.Errorf("%s %s: %w", step.name, o.Namespace, err)
		}
	}
	return nil
}

func registerNamespace(ctx context.Context, c client.Client, o options) error {
	retention := durationpb.New(o.Retention)
	found, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: o.Namespace})
	if isNotFound(err) {
		_, err = c.WorkflowService().RegisterNamespace(ctx, &workflowservice.RegisterNamespaceRequest{
			Namespace:                        o.Namespace,
			WorkflowExecutionRetentionPeriod: retention,
		})
		return err
	}
	if err != nil || found.GetConfig().GetWorkflowExecutionRetentionTtl().AsDuration() == o.Retention {
		return err
	}
	_, err = c.WorkflowService().UpdateNamespace(ctx, &workflowservice.UpdateNamespaceRequest{
		Namespace: o.Namespace,
		Config:    &namespacepb.NamespaceConfig{WorkflowExecutionRetentionTtl: retention},
	})
	return err
}

func addSearchAttributes(ctx context.Context, c client.Client, o options) error {
	if len(o.SearchAttributes) == 0 {
		return nil
	}
	known, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: o.Namespace})
	if err != nil {
		return err
	}
	missing := map[string]enumspb.IndexedValueType{}
	for name, kind := range o.SearchAttributes {
		if _, ok := known.GetCustomAttributes()[name]; !ok {
			missing[name] = kind
		}
	}
	if len(missing) == 0 {
		return nil
	}
	_, err = c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: o.Namespace, SearchAttributes: missing,
	})
	return err
}

// probe asks for what no single service can answer: the pollers of a task queue
// (frontend and matching) and a workflow that does not exist (history). It
// succeeds when all three serve the namespace.
func probe(ctx context.Context, c client.Client, _ options) error {
	if _, err := c.DescribeTaskQueue(ctx, "temporald-probe", enumspb.TASK_QUEUE_TYPE_WORKFLOW); err != nil {
		return err
	}
	_, err := c.DescribeWorkflowExecution(ctx, "temporald-probe", "")
	if missing := (*serviceerror.NotFound)(nil); errors.As(err, &missing) {
		return nil
	}
	return err
}

// retry repeats a step while the server is still starting.
func retry(ctx context.Context, step func(context.Context) error) error {
	for {
		attempt, cancel := context.WithTimeout(ctx, attemptTimeout)
		err := step(attempt)
		cancel()
		if err == nil || !isTransient(err) {
			return err
		}
		select {
		case <-ctx.Done():
			return errors.Join(ctx.Err(), err)
		case <-time.After(retryInterval):
		}
	}
}

func isNotFound(err error) bool {
	var missing *serviceerror.NamespaceNotFound
	return errors.As(err, &missing)
}

// isTransient tells whether a server that has just started may yet answer
// better: it is not listening, has not loaded its shards, or one of its
// services has not heard of a new namespace.
func isTransient(err error) bool {
	var (
		unavailable *serviceerror.Unavailable
		deadline    *serviceerror.DeadlineExceeded
		exhausted   *serviceerror.ResourceExhausted
	)
	return errors.As(err, &unavailable) || errors.As(err, &deadline) || errors.As(err, &exhausted) ||
		errors.Is(err, context.DeadlineExceeded) || isNotFound(err)
}
