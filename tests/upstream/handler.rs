//! The protocol: each request is counted and passed to the part that knows the answer.

use std::{borrow::Cow, sync::Arc};

use rmcp::{
    ErrorData, RoleServer, ServerHandler,
    model::{
        CallToolRequestParams, CallToolResponse, CancelTaskParams, CancelledNotificationParam,
        CompleteRequestParams, CompleteResult, CompletionInfo, DiscoverResult, GetPromptRequestParams,
        GetPromptResponse, GetTaskParams, GetTaskResult, Implementation, InitializeRequestParams,
        InitializeResult, ListPromptsResult, ListResourceTemplatesResult, ListResourcesResult,
        ListToolsResult, PaginatedRequestParams, ProtocolVersion, ReadResourceRequestParams,
        ReadResourceResponse, ServerConfig, SetLevelRequestParams, SubscribeRequestParams,
        SubscriptionFilter, Tool, UnsubscribeRequestParams, UpdateTaskParams,
    },
    service::{NotificationContext, RequestContext, SubscriptionContext},
};
use serde_json::json;

use crate::{
    call::{Call, internal, session_id},
    options::Era,
    prompts, resources,
    state::State,
};

/// Handler of one session or of one request without a session.
#[derive(Clone)]
pub(crate) struct Handler {
    /// State of the server.
    pub(crate) state: Arc<State>,
}

impl Handler {
    fn completions(&self, request: &CompleteRequestParams) -> Result<CompletionInfo, ErrorData> {
        let prefix = request.argument.value.as_str();
        let known = ["paris", "park", "party"];
        let values = known
            .iter()
            .filter(|value| value.starts_with(prefix))
            .map(|value| (*value).to_owned());
        CompletionInfo::with_all_values(values.collect()).map_err(internal)
    }
}

impl ServerHandler for Handler {
    fn get_info(&self) -> ServerConfig {
        ServerConfig::new(self.state.capabilities.clone())
            .with_server_info(Implementation::new(
                self.state.options.name.clone(),
                env!("CARGO_PKG_VERSION"),
            ))
            .with_instructions("A server for tests.")
    }

    fn supported_protocol_versions(&self) -> Cow<'static, [ProtocolVersion]> {
        match self.state.options.era {
            Era::Both => Cow::Borrowed(ProtocolVersion::KNOWN_VERSIONS),
            Era::Legacy => Cow::Borrowed(ProtocolVersion::known_up_to(&ProtocolVersion::V_2025_11_25)),
            Era::Modern => Cow::Owned(vec![ProtocolVersion::V_2026_07_28]),
        }
    }

    async fn initialize(
        &self,
        request: InitializeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<InitializeResult, ErrorData> {
        self.state.stats.request("initialize");
        context.peer.set_peer_info(request.clone());
        self.negotiate_initialize(&request)
    }

    async fn discover(&self, _: RequestContext<RoleServer>) -> Result<DiscoverResult, ErrorData> {
        self.state.stats.request("server/discover");
        if self.state.options.era == Era::Legacy {
            return Err(ErrorData::method_not_found::<rmcp::model::DiscoverRequestMethod>());
        }
        Ok(DiscoverResult::from_server_info(
            self.supported_protocol_versions().into_owned(),
            self.get_info(),
        ))
    }

    async fn ping(&self, _: RequestContext<RoleServer>) -> Result<(), ErrorData> {
        self.state.stats.request("ping");
        Ok(())
    }

    async fn on_initialized(&self, context: NotificationContext<RoleServer>) {
        self.state.stats.notification("notifications/initialized");
        if let Some(session) = session_id(&context.extensions) {
            self.state.listeners.set_peer(session, context.peer.clone());
        }
    }

    async fn on_cancelled(
        &self,
        notification: CancelledNotificationParam,
        context: NotificationContext<RoleServer>,
    ) {
        self.state.stats.notification("notifications/cancelled");
        let session = session_id(&context.extensions);
        let request_id = json!(notification.request_id);
        self.state
            .stats
            .cancellation(session, &request_id, notification.reason.as_deref());
    }

    async fn on_roots_list_changed(&self, _: NotificationContext<RoleServer>) {
        self.state.stats.notification("notifications/roots/list_changed");
    }

    async fn set_level(
        &self,
        request: SetLevelRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.state.stats.request("logging/setLevel");
        if crate::call::is_modern(&context) {
            return Err(ErrorData::method_not_found::<rmcp::model::SetLevelRequestMethod>());
        }
        if let Some(session) = session_id(&context.extensions) {
            self.state.listeners.set_log_level(session, request.level);
        }
        Ok(())
    }

    async fn complete(
        &self,
        request: CompleteRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<CompleteResult, ErrorData> {
        self.state.stats.request("completion/complete");
        Ok(CompleteResult::new(self.completions(&request)?))
    }

    async fn list_tools(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListToolsResult, ErrorData> {
        self.state.stats.request("tools/list");
        let page = self.state.catalogue.tools(request.as_ref())?;
        Ok(ListToolsResult {
            next_cursor: page.next_cursor,
            ..ListToolsResult::with_all_items(page.items)
        })
    }

    fn get_tool(&self, name: &str) -> Option<Tool> {
        self.state.catalogue.tool(name)
    }

    async fn call_tool(
        &self,
        request: CallToolRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<CallToolResponse, ErrorData> {
        self.state.stats.request("tools/call");
        Box::pin(
            Call {
                state: &self.state,
                request,
                context,
            }
            .run(),
        )
        .await
    }

    async fn list_prompts(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListPromptsResult, ErrorData> {
        self.state.stats.request("prompts/list");
        let page = self.state.catalogue.prompts(request.as_ref())?;
        Ok(ListPromptsResult {
            next_cursor: page.next_cursor,
            ..ListPromptsResult::with_all_items(page.items)
        })
    }

    async fn get_prompt(
        &self,
        request: GetPromptRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetPromptResponse, ErrorData> {
        self.state.stats.request("prompts/get");
        prompts::get(&self.state, &request)
    }

    async fn list_resources(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourcesResult, ErrorData> {
        self.state.stats.request("resources/list");
        let page = self.state.catalogue.resources(request.as_ref())?;
        Ok(ListResourcesResult {
            next_cursor: page.next_cursor,
            ..ListResourcesResult::with_all_items(page.items)
        })
    }

    async fn list_resource_templates(
        &self,
        request: Option<PaginatedRequestParams>,
        _: RequestContext<RoleServer>,
    ) -> Result<ListResourceTemplatesResult, ErrorData> {
        self.state.stats.request("resources/templates/list");
        let page = self.state.catalogue.templates(request.as_ref())?;
        let result = ListResourceTemplatesResult::with_all_items(page.items);
        Ok(ListResourceTemplatesResult {
            next_cursor: page.next_cursor,
            ..result
        })
    }

    async fn read_resource(
        &self,
        request: ReadResourceRequestParams,
        _: RequestContext<RoleServer>,
    ) -> Result<ReadResourceResponse, ErrorData> {
        self.state.stats.request("resources/read");
        resources::read(&self.state, &request.uri)
    }

    async fn subscribe(
        &self,
        request: SubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.state.stats.request("resources/subscribe");
        if let Some(session) = session_id(&context.extensions) {
            self.state.listeners.subscribe(session, &request.uri);
        }
        Ok(())
    }

    async fn unsubscribe(
        &self,
        request: UnsubscribeRequestParams,
        context: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.state.stats.request("resources/unsubscribe");
        if let Some(session) = session_id(&context.extensions) {
            self.state.listeners.unsubscribe(session, &request.uri);
        }
        Ok(())
    }

    fn accepted_subscription_filter(&self, requested: &SubscriptionFilter) -> Option<SubscriptionFilter> {
        Some(requested.clone())
    }

    async fn listen(&self, context: SubscriptionContext) -> Result<(), ErrorData> {
        self.state.stats.request("subscriptions/listen");
        let _registered = self.state.listeners.add_subscription(context.sink().clone());
        context.cancelled().await;
        Ok(())
    }

    async fn get_task(
        &self,
        request: GetTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<GetTaskResult, ErrorData> {
        self.state.stats.request("tasks/get");
        Ok(GetTaskResult::new(self.state.tasks.get_task(&request.task_id)?))
    }

    async fn update_task(
        &self,
        request: UpdateTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.state.stats.request("tasks/update");
        self.state
            .tasks
            .update_task(&request.task_id, request.input_responses)
    }

    async fn cancel_task(
        &self,
        request: CancelTaskParams,
        _: RequestContext<RoleServer>,
    ) -> Result<(), ErrorData> {
        self.state.stats.request("tasks/cancel");
        self.state.tasks.cancel_task(&request.task_id)
    }
}
