//! The gateway as a whole: put together from a configuration, run, and stopped in order.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use mcpg_capabilities::calls::Calls;
use mcpg_capabilities::catalogues::Catalogues;
use mcpg_capabilities::delivery::get::GetStreams;
use mcpg_capabilities::fleet::Fleet;
use mcpg_capabilities::levels::Levels;
use mcpg_capabilities::mac::MacKey;
use mcpg_capabilities::mailbox::{MailHandler, Mailbox};
use mcpg_capabilities::sessions::Sessions;
use mcpg_capabilities::subscriptions::Subscriptions;
use mcpg_config::app::{AppConfig, BindAddress, Federation, Transport};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use crate::audit::{Audit, Writing};
use crate::backends::{OwnBindings, Programs};
use crate::boot_error::BootError;
use crate::http::{Drain, Frontend, FrontendSettings, Listener, Listening};
use crate::inspector::Inspector;
use crate::mint::Mint;
use crate::router::{Kind, Mail, Router, RouterSettings};
use crate::stdio::{self, PipeEnd, PipeSettings};
use crate::upstream::{Settings, Upstream};

/// How long boot waits for upstreams that neither answer nor refuse; they are served as soon as they come.
const FIRST_LOOK: Duration = Duration::from_secs(10);

/// How long the background may take to come to rest at the end.
const REST: Duration = Duration::from_secs(2);
const CHILDREN_REST: Duration = Duration::from_secs(6);

/// What the gateway needs besides its configuration.
#[derive(Debug)]
pub struct Parts {
    /// This replica's place in the fleet.
    pub fleet: Arc<Fleet>,
    /// The directory of client sessions.
    pub sessions: Arc<Sessions>,
    /// The calls, as far as other replicas need to know of them.
    pub calls: Calls,
    /// The same, for cancels of calls that run elsewhere; `None` where those are not to be found.
    pub cancels: Option<Calls>,
    /// The GET streams of client sessions.
    pub gets: GetStreams,
    /// The way to other replicas.
    pub mailbox: Mailbox,
    /// Which list or resource changed last.
    pub levels: Arc<Levels>,
    /// The lists of the upstreams, as far as replicas agree on them.
    pub catalogues: Catalogues,
    /// What sessions are subscribed to.
    pub subscriptions: Subscriptions,
    /// The deployment's key for authenticated ids.
    pub mac: MacKey,
}

/// A gateway that serves.
pub struct Gateway {
    router: Arc<Router>,
    audit: Option<Arc<Audit>>,
    fleet: Arc<Fleet>,
    front: Front,
    drain: Arc<Drain>,
    stop_accepting: CancellationToken,
    stop_upstreams: CancellationToken,
    programs: Programs,
    shutdown_timeout: Duration,
}

/// Where clients come from.
enum Front {
    Http {
        address: SocketAddr,
        listening: Listening,
    },
    /// One client at the other end of a pipe, which [`Gateway::serve_pipe`] serves.
    Pipe { max_line: usize, keep_every: Duration },
}

/// How many things a gateway offers right now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offered {
    /// Tools.
    pub tools: usize,
    /// Prompts.
    pub prompts: usize,
    /// Resources.
    pub resources: usize,
    /// Resource templates.
    pub resource_templates: usize,
}

impl std::fmt::Debug for Gateway {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter
            .debug_struct("Gateway")
            .field("address", &self.address())
            .finish_non_exhaustive()
    }
}

impl Gateway {
    /// Binds the listener (with `transport: http`), looks at every upstream once, and serves.
    ///
    /// # Errors
    /// [`BootError`]: what is wrong and what to do about it.
    pub async fn start(config: AppConfig, parts: Parts) -> Result<Self, BootError> {
        let server = config.gateway.server;
        let listener = match server.transport {
            Transport::Http => Some(bind(&server.bind_address).await?),
            Transport::Stdio => None,
        };
        let mint = Mint::new(parts.fleet.replica().boot().as_str());
        let stop_upstreams = CancellationToken::new();
        let members = config
            .mcp
            .federations
            .into_iter()
            .map(|federation| member(federation, server.max_response_bytes, &mint))
            .collect::<Result<Vec<_>, _>>()?;
        let own = OwnBindings::new(config.mcp.capabilities)?;
        let programs = own.programs();
        let audit = config
            .governance
            .audit
            .map(|audit| Audit::open(audit, writing(&parts, &members)))
            .transpose()?;
        let router = Router::new(RouterSettings {
            own,
            audit: audit.clone(),
            members,
            sessions: parts.sessions,
            fleet: Arc::clone(&parts.fleet),
            calls: parts.calls,
            gets: parts.gets,
            cancels: parts.cancels,
            mailbox: parts.mailbox,
            levels: parts.levels,
            catalogues: parts.catalogues,
            subscriptions: parts.subscriptions,
            max_subscriptions: config.mcp.configurations.subscriptions.max_per_session,
            mac: parts.mac,
            request_timeout: server.request_timeout,
            upgrade_after: server.upgrade_after,
            access_log: server.access_log,
            question_timeout: server.session_idle_timeout.max(server.request_timeout),
            stop: stop_upstreams.clone(),
        });
        router.connect(FIRST_LOOK).await;
        if let Err(collisions) = router.open_catalogue() {
            stop_upstreams.cancel();
            return Err(BootError::names(&collisions));
        }
        router.follow_members();
        router.follow_streams();
        router.watch_owners();
        router.watch_own_lease();
        let stop_accepting = CancellationToken::new();
        let shutdown_timeout = server.shutdown_timeout;
        let drain = Arc::new(Drain::default());
        let front = match listener {
            Some((address, listener)) => {
                let frontend = Arc::new(Frontend::new(FrontendSettings {
                    server,
                    access: config.governance.access,
                    router: Arc::clone(&router),
                    drain: Arc::clone(&drain),
                }));
                let listening = listener.serve(frontend, stop_accepting.clone());
                Front::Http { address, listening }
            }
            None => Front::Pipe {
                max_line: server.max_request_body_bytes,
                // As often as a session in use is touched.
                keep_every: server.session_idle_timeout / 4,
            },
        };
        Ok(Self {
            router,
            audit,
            fleet: parts.fleet,
            front,
            drain,
            stop_accepting,
            stop_upstreams,
            programs,
            shutdown_timeout,
        })
    }

    /// The address that clients reach; none where the one client is at the other end of a pipe.
    pub fn address(&self) -> Option<SocketAddr> {
        match self.front {
            Front::Http { address, .. } => Some(address),
            Front::Pipe { .. } => None,
        }
    }

    /// Serves one client over a pipe (the stdio transport) until it closes the pipe or `stop` is given; calls that run
    /// then may finish.
    pub async fn serve_pipe<R, W>(&self, input: R, output: W, stop: CancellationToken) -> PipeEnd
    where
        R: AsyncRead + Unpin,
        W: AsyncWrite + Unpin + Send + 'static,
    {
        let Front::Pipe { max_line, keep_every } = self.front else {
            return PipeEnd::Stopped;
        };
        let settings = PipeSettings {
            router: Arc::clone(&self.router),
            max_line,
            keep_every,
            patience: self.shutdown_timeout,
        };
        stdio::serve(settings, input, output, stop).await
    }

    /// The audit log, where there is one. It is to be closed last, since calls that are cut off have lines too.
    pub fn audit(&self) -> Option<Arc<Audit>> {
        self.audit.clone()
    }

    /// What is to be done with the mail of this replica.
    pub fn mail_handler(&self) -> Arc<dyn MailHandler> {
        let view = Arc::clone(self.fleet.view());
        Arc::new(Mail::new(Arc::clone(&self.router), view))
    }

    /// A way to look into this gateway.
    pub fn inspector(&self) -> Inspector {
        Inspector::new(Arc::clone(&self.router))
    }

    /// What clients can list at the moment.
    pub fn offered(&self) -> Offered {
        Offered {
            tools: self.router.listed(Kind::Tools),
            prompts: self.router.listed(Kind::Prompts),
            resources: self.router.listed(Kind::Resources),
            resource_templates: self.router.listed(Kind::ResourceTemplates),
        }
    }

    /// Goes on serving, but asks every client to connect anew for its next request, and those that follow a stream to go
    /// on elsewhere.
    pub fn let_go(&self) {
        self.drain.let_go();
        self.router.let_go();
    }

    /// Accepts nothing new, lets running calls finish, and stops the upstreams.
    pub async fn stop(self) {
        info!("Stopping: running calls may finish.");
        self.drain.let_go();
        self.router.stop_streams();
        self.stop_accepting.cancel();
        let finished = async {
            if let Front::Http { listening, .. } = self.front {
                listening.finish(&self.drain).await;
            }
            self.router.calls_ended().await;
        };
        if tokio::time::timeout(self.shutdown_timeout, finished)
            .await
            .is_err()
        {
            let limit_ms = self.shutdown_timeout.as_millis();
            warn!(
                message = "Some calls did not finish in time and were cut off.",
                limit_ms
            );
        }
        self.programs.end().await;
        self.stop_upstreams.cancel();
        // What is left are closes and cancels of upstream sessions: worth a moment, not more. Processes are given longer,
        // since nothing of them may stay behind.
        let rest = if self.router.has_children() {
            CHILDREN_REST
        } else {
            REST
        };
        let _ = tokio::time::timeout(rest, self.router.rested()).await;
    }
}

async fn bind(wanted: &BindAddress) -> Result<(SocketAddr, Listener), BootError> {
    let bound = async {
        let listener = Listener::bind(wanted).await?;
        Ok((listener.address()?, listener))
    };
    bound.await.map_err(|error| BootError::bind(wanted, &error))
}

fn writing<'p>(parts: &'p Parts, members: &[(Federation, Arc<Upstream>)]) -> Writing<'p> {
    Writing {
        replica: parts.fleet.replica(),
        upstreams: members
            .iter()
            .map(|(federation, _)| federation.name.clone())
            .collect(),
    }
}

fn member(
    federation: Federation,
    max_response_bytes: usize,
    mint: &Mint,
) -> Result<(Federation, Arc<Upstream>), BootError> {
    let settings = Settings::from_federation(&federation, max_response_bytes)
        .map_err(|error| BootError::upstream(&federation.name, &error))?;
    let upstream = Upstream::new(settings, mint.clone())
        .map_err(|error| BootError::upstream(&federation.name, &error))?;
    Ok((federation, upstream))
}
