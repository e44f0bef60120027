// Package worker builds the engine's workers: what they run, how much of it at once, and how errors leave them.
package worker

import (
	"time"

	"go.temporal.io/sdk/client"
	"go.temporal.io/sdk/interceptor"
	sdkworker "go.temporal.io/sdk/worker"
	"go.temporal.io/sdk/workflow"

	"github.com/mcrflow/mcrflow/activities"
	"github.com/mcrflow/mcrflow/models"
	"github.com/mcrflow/mcrflow/workflows"
)

// Options bound what a worker does at once.
type Options struct {
	// WorkflowPollers is how many polls for workflow tasks run at once; timers are late when they are too few. It grows
	// with the partitions of the task queue.
	WorkflowPollers int
	// CachedProcesses is how many processes stay in memory between their steps.
	CachedProcesses int
	// MessagesPerSecond is the rate at which messages leave the product, for this worker.
	MessagesPerSecond float64
	// Build names the program to the engine, which keeps for each process by what builds it was worked on.
	Build string
	// StopTimeout is how long running steps may take to finish when the worker stops.
	StopTimeout time.Duration
	// FirstStep is told of each first step that this worker has taken, or why it was refused; nil: nobody asks.
	FirstStep func(workflowID string, refusal error)
	// OnFatalError is told when the worker cannot go on.
	OnFatalError func(error)
}

// Activities are what the processes call.
type Activities struct {
	Complaint     *activities.Complaint
	Approval      *activities.Approval
	Reception     *activities.Reception
	FollowUp      *activities.FollowUp
	Campaign      *activities.Campaign
	Inspection    *activities.Inspection
	Discipline    *activities.Discipline
	Relationship  *activities.Relationship
	Notifications *activities.Notifications
}

// Worker runs the processes and sends the messages.
type Worker struct {
	processes sdkworker.Worker
	messages  sdkworker.Worker
}

// New returns a worker on the client. Call it once per process: the cache of processes is shared by all its workers.
func New(c client.Client, a Activities, o Options) *Worker {
	sdkworker.SetStickyWorkflowCacheSize(o.CachedProcesses)
	interceptors := []interceptor.WorkerInterceptor{&requestLogs{}}
	if o.FirstStep != nil {
		interceptors = append(interceptors, FirstSteps(o.FirstStep))
	}
	interceptors = append(interceptors, &typedErrors{}) // innermost: all others see its errors
	base := sdkworker.Options{
		//lint:ignore SA1019 its successor makes workers versioned, which pins processes of years to one build
		BuildID:           o.Build,
		WorkerStopTimeout: o.StopTimeout, OnFatalError: o.OnFatalError, Interceptors: interceptors,
	}
	p := base
	p.MaxConcurrentWorkflowTaskPollers = o.WorkflowPollers
	p.MaxConcurrentActivityTaskPollers = 2
	p.Tuner = newRoomyTuner()
	m := base
	m.DisableWorkflowWorker = true
	m.WorkerActivitiesPerSecond = o.MessagesPerSecond
	w := &Worker{processes: sdkworker.New(c, models.ComplaintTaskQueue, p), messages: sdkworker.New(c, models.NotificationTaskQueue, m)}
	Register(w.processes)
	w.processes.RegisterActivity(a.Complaint)
	w.processes.RegisterActivity(a.Approval)
	w.processes.RegisterActivity(a.Reception)
	w.processes.RegisterActivity(a.FollowUp)
	w.processes.RegisterActivity(a.Campaign)
	w.processes.RegisterActivity(a.Inspection)
	w.processes.RegisterActivity(a.Discipline)
	w.processes.RegisterActivity(a.Relationship)
	w.messages.RegisterActivity(a.Notifications)
	w.messages.RegisterActivity(a.FollowUp)
	w.messages.RegisterActivity(a.Campaign)
	return w
}

// Registry is where processes are registered: a worker, a replayer or a test environment.
type Registry interface {
	RegisterWorkflowWithOptions(w any, options workflow.RegisterOptions)
}

// Register registers every process under its name on the wire.
func Register(r Registry) {
	r.RegisterWorkflowWithOptions(workflows.Complaint, workflow.RegisterOptions{Name: models.ComplaintType})
	r.RegisterWorkflowWithOptions(workflows.Approval, workflow.RegisterOptions{Name: models.ApprovalType})
	r.RegisterWorkflowWithOptions(workflows.FollowUp, workflow.RegisterOptions{Name: models.FollowUpType})
	r.RegisterWorkflowWithOptions(workflows.Campaign, workflow.RegisterOptions{Name: models.CampaignType})
	r.RegisterWorkflowWithOptions(workflows.CampaignRun, workflow.RegisterOptions{Name: models.CampaignRunType})
	r.RegisterWorkflowWithOptions(workflows.CampaignFiring, workflow.RegisterOptions{Name: models.CampaignFiringType})
	r.RegisterWorkflowWithOptions(workflows.Reception, workflow.RegisterOptions{Name: models.ReceptionType})
	r.RegisterWorkflowWithOptions(workflows.Relationship, workflow.RegisterOptions{Name: models.RelationshipType})
	r.RegisterWorkflowWithOptions(workflows.Inspection, workflow.RegisterOptions{Name: models.InspectionType})
	r.RegisterWorkflowWithOptions(workflows.Discipline, workflow.RegisterOptions{Name: models.DisciplineType})
}

// Start begins to work.
func (w *Worker) Start() error {
	if err := w.processes.Start(); err != nil {
		return err
	}
	if err := w.messages.Start(); err != nil {
		w.processes.Stop()
		return err
	}
	return nil
}

// Stop lets running steps finish, within StopTimeout.
func (w *Worker) Stop() {
	w.messages.Stop()
	w.processes.Stop()
}
