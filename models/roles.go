package models

import "slices"

// Role is what a user is for the product.
type Role string

// The roles.
const (
	RoleStaff          Role = "staff"
	RoleAccountManager Role = "account_manager"
	RoleReceptionClerk Role = "reception_clerk"
	RoleServiceAgent   Role = "service_agent"
	RoleSupervisor     Role = "supervisor"
	RoleManager        Role = "manager"
	RoleDirector       Role = "director"
	RoleFinance        Role = "finance"
	RoleScheduler      Role = "scheduler" // a machine
	RoleAuditor        Role = "auditor"   // reads all, changes nothing
	RoleAdmin          Role = "admin"
)

// Permission is one thing that a role may do. Row rules narrow it further.
type Permission string

// The permissions.
const (
	PermCaseCreate       Permission = "case.create"
	PermCaseReadAll      Permission = "case.read_all"  // every case, not only one's own and one's team's
	PermCaseWork         Permission = "case.work"      // take part in cases: the case itself says who may do what
	PermCaseSupervise    Permission = "case.supervise" // what a supervisor may do, in the teams one supervises
	PermCaseOversee      Permission = "case.oversee"   // what a supervisor may do, in every team
	PermClientRead       Permission = "client.read"
	PermReceptionCreate  Permission = "reception.create"
	PermReceptionReadAll Permission = "reception.read_all" // every reception, not only those one has a part in
	PermReceptionPrepare Permission = "reception.prepare"  // the reception desk: prepare and receive
	PermReceptionOversee Permission = "reception.oversee"  // what the head of the reception desk may do
	PermReceptionPay     Permission = "reception.pay"      // check and pay expense claims
	PermClientWrite      Permission = "client.write"
	PermClientMerge      Permission = "client.merge" // join a duplicate into another client, for good
	PermPeopleRead       Permission = "people.read"
	PermPeopleWrite      Permission = "people.write"
	PermTokenCreate      Permission = "token.create"
	PermDeputyOwn        Permission = "deputy.own" // name one's own deputies
	PermDeputyAny        Permission = "deputy.any"
	PermDeputyReadAll    Permission = "deputy.read_all" // everybody's rules, without changing any
	PermTravelOwn        Permission = "travel.own"      // enter one's own trips
	PermPolicyRead       Permission = "policy.read"
	PermPolicyPublish    Permission = "policy.publish"
	PermKnowledgeRead    Permission = "knowledge.read"
	PermWebhookManage    Permission = "webhook.manage"
	PermChannelManage    Permission = "channel.manage" // by which ways messages leave to people
	PermCodecUse         Permission = "codec.use"      // read payloads in the engine's UI in clear
	PermNotificationMe   Permission = "notification.own"
	PermResourceRead     Permission = "resource.read"   // what there is, and when it is free or busy
	PermResourceManage   Permission = "resource.manage" // the resource library
	PermBookingRead      Permission = "booking.read"    // for whom something is booked
	PermBudgetRead       Permission = "budget.read"
	PermBudgetManage     Permission = "budget.manage"
	PermCampaignRead     Permission = "campaign.read"   // campaigns, whom they asked, and every answer
	PermCampaignManage   Permission = "campaign.manage" // make, change, pause and stop campaigns
	PermCampaignLaunch   Permission = "campaign.launch"
	PermSurveyAsk        Permission = "survey.ask"        // answer for clients of one's own, or whom one has to call
	PermSurveyReadAll    Permission = "survey.read_all"   // every invitation and answer, not only those of one's clients and about oneself
	PermInspectionManage Permission = "inspection.manage" // have a month's receptions inspected, sign any report off

	PermDisciplineReadAll Permission = "discipline.read_all" // the weekly report on everybody, not only on oneself and one's people
	PermDisciplineManage  Permission = "discipline.manage"   // have a past week reported

	PermRelationshipWork    Permission = "relationship.work"     // record interactions, promises, opinions and leads of any client (M-45, U-15)
	PermRelationshipReadAll Permission = "relationship.read_all" // every relationship, not only those one has a part in
	PermRelationshipManage  Permission = "relationship.manage"   // what the head of the market department may do, for every client
)

// everyone is what each person with a login may do.
var everyone = []Permission{PermPeopleRead, PermClientRead, PermPolicyRead, PermKnowledgeRead, PermNotificationMe, PermResourceRead}

// worker is what each person who takes part in cases may do.
// A call that asks a client can fall to any of them.
var worker = append(slices.Clone(everyone), PermCaseCreate, PermCaseWork, PermDeputyOwn, PermTravelOwn, PermReceptionCreate, PermSurveyAsk, PermRelationshipWork)

// permissions is the role table: the one place that says which role may do what.
var permissions = map[Role][]Permission{
	RoleStaff:          worker,
	RoleAccountManager: append(slices.Clone(worker), PermClientWrite, PermCampaignRead),
	RoleReceptionClerk: append(slices.Clone(worker), PermResourceManage, PermBookingRead, PermReceptionReadAll, PermReceptionPrepare),
	RoleServiceAgent:   worker,
	RoleFinance:        append(slices.Clone(worker), PermBudgetRead, PermBudgetManage, PermReceptionReadAll, PermReceptionPay),
	RoleSupervisor:     append(slices.Clone(worker), PermCaseSupervise, PermClientWrite, PermCampaignRead),
	RoleManager: append(slices.Clone(worker), PermCaseReadAll, PermCaseOversee, PermClientWrite, PermClientMerge, PermPolicyPublish, PermDeputyAny,
		PermBookingRead, PermBudgetRead, PermReceptionReadAll, PermReceptionOversee, PermInspectionManage, PermDisciplineReadAll, PermDisciplineManage,
		PermCampaignRead, PermCampaignManage, PermCampaignLaunch, PermSurveyReadAll, PermRelationshipReadAll, PermRelationshipManage),
	RoleDirector: append(slices.Clone(worker), PermCaseReadAll, PermCaseOversee, PermClientWrite, PermClientMerge, PermPolicyPublish, PermDeputyAny,
		PermBookingRead, PermBudgetRead, PermReceptionReadAll, PermReceptionOversee, PermInspectionManage, PermDisciplineReadAll, PermDisciplineManage,
		PermCampaignRead, PermCampaignManage, PermCampaignLaunch, PermSurveyReadAll, PermRelationshipReadAll, PermRelationshipManage),
	RoleScheduler: {PermNotificationMe, PermCampaignLaunch},
	RoleAuditor:   append(slices.Clone(everyone), PermCaseReadAll, PermDeputyReadAll, PermBookingRead, PermBudgetRead, PermReceptionReadAll, PermCampaignRead, PermSurveyReadAll, PermRelationshipReadAll, PermDisciplineReadAll),
	RoleAdmin: append(slices.Clone(everyone), PermCaseCreate, PermCaseReadAll, PermPeopleWrite, PermTokenCreate, PermDeputyAny, PermTravelOwn,
		PermClientWrite, PermClientMerge, PermPolicyPublish, PermWebhookManage, PermChannelManage, PermCodecUse,
		PermResourceManage, PermBookingRead, PermBudgetRead, PermBudgetManage, PermReceptionReadAll, PermCampaignRead, PermSurveyAsk, PermRelationshipReadAll,
		PermDisciplineReadAll, PermDisciplineManage),
}

// ValidRole reports whether r is a role of the product.
func ValidRole(r Role) bool { _, ok := permissions[r]; return ok }

// Roles lists all roles in a fixed order.
func Roles() []Role {
	return []Role{
		RoleStaff, RoleAccountManager, RoleReceptionClerk, RoleServiceAgent, RoleSupervisor, RoleManager,
		RoleDirector, RoleFinance, RoleScheduler, RoleAuditor, RoleAdmin,
	}
}

// PermissionsOf returns what the roles may do together, sorted, each once.
func PermissionsOf(roles []Role) []Permission {
	var all []Permission
	for _, r := range roles {
		all = append(all, permissions[r]...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// May reports whether one of the roles has the permission.
func May(roles []Role, p Permission) bool {
	for _, r := range roles {
		if slices.Contains(permissions[r], p) {
			return true
		}
	}
	return false
}
