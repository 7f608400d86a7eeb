//! What all primitives of one replica share: calls, subscriptions, and the connections under both.

mod connection;
mod subscription;

use std::sync::Arc;
use std::time::Duration;

use mcpg_plugin_sdk::cluster::{Error, ErrorKind, Result, Support};
use parking_lot::Mutex;
use redis::aio::{MultiplexedConnection, PubSubSink};
use redis::{Cmd, FromRedisValue, RedisError};
use tokio::sync::watch;
use tokio::time::timeout;

pub(crate) use self::subscription::Subscription;
use crate::config::Settings;
use crate::error::{Effect, Secrets, breaks_connection, from_redis, unanswered};
use crate::gate::Gate;
use crate::names::Names;
use crate::scripts::{Prepared, Scripts};
use crate::subscriptions::Subscriptions;

pub(crate) const OPERATION_TIMEOUT: Duration = Duration::from_secs(5);

/// What all primitives of one replica share.
pub(crate) struct Client {
    pub(crate) settings: Settings,
    pub(crate) names: Names,
    pub(crate) scripts: Scripts,
    pub(crate) gate: Gate,
    server: redis::Client,
    secrets: Secrets,
    subscriptions: Subscriptions,
    support: Mutex<Support>,
    state: watch::Sender<State>,
    /// The newest generation that somebody found broken.
    broken: watch::Sender<u64>,
    /// How many stays of this replica are not over yet.
    stays: watch::Sender<usize>,
}

/// Whether there is a connection. The generation grows with each new one.
#[derive(Clone, Default)]
pub(crate) struct State {
    pub(crate) generation: u64,
    pub(crate) link: Option<Link>,
}

#[derive(Clone)]
pub(crate) struct Link {
    commands: MultiplexedConnection,
    sink: PubSubSink,
}

impl Client {
    /// Connects, and starts the task that reconnects until the client is closed.
    pub(crate) async fn open(settings: Settings) -> Result<Arc<Self>> {
        let secrets = Secrets::new(settings.secrets());
        let server = crate::config::server(&settings, &secrets)?;
        let database = server.get_connection_info().redis_settings().db();
        let client = Arc::new(Self {
            names: Names::new(&settings.key_prefix, database),
            scripts: Scripts::new(),
            gate: Gate::default(),
            server,
            secrets,
            subscriptions: Subscriptions::default(),
            support: Mutex::new(Support::weakest()),
            state: watch::Sender::new(State::default()),
            broken: watch::Sender::new(0),
            stays: watch::Sender::new(0),
            settings,
        });
        let connected = client.connect().await?;
        tokio::spawn(Arc::clone(&client).keep_up(connected));
        Ok(client)
    }

    pub(crate) fn support(&self) -> Support {
        let mut support = self.support.lock().clone();
        support.lease_ttl = self.settings.lease_ttl;
        support
    }

    pub(crate) fn states(&self) -> watch::Receiver<State> {
        self.state.subscribe()
    }

    pub(crate) fn generation(&self) -> u64 {
        self.state.borrow().generation
    }

    /// Waits until there is a connection, or the client is closed.
    pub(crate) async fn until_up(&self) {
        let mut states = self.states();
        tokio::select! {
            () = self.gate.closed() => {}
            _ = states.wait_for(|state| state.link.is_some()) => {}
        }
    }

    /// Ends everything; what this replica still has to say is given a second.
    pub(crate) async fn close(&self) {
        const FAREWELL: Duration = Duration::from_secs(1);
        self.gate.close();
        let mut stays = self.stays.subscribe();
        let _ = timeout(FAREWELL, stays.wait_for(|stays| *stays == 0)).await;
        let generation = self.generation();
        self.state.send_replace(State {
            generation,
            link: None,
        });
    }

    /// Counts a stay until what is returned is dropped.
    pub(crate) fn begin_stay(self: &Arc<Self>) -> StayCount {
        self.stays.send_modify(|stays| *stays += 1);
        StayCount(Arc::clone(self))
    }

    fn link(&self, effect: Effect) -> Result<(u64, Link)> {
        if effect != Effect::Farewell {
            self.gate.check()?;
        }
        let state = self.state.borrow();
        match &state.link {
            Some(link) => Ok((state.generation, link.clone())),
            None => Err(
                Error::new(ErrorKind::Unavailable, "there is no connection to redis")
                    .with_context("server", self.settings.shown_url()),
            ),
        }
    }

    /// Sends one command. Nothing is ever sent twice.
    pub(crate) async fn call<T: FromRedisValue>(&self, command: &Cmd, effect: Effect) -> Result<T> {
        let (generation, mut link) = self.link(effect)?;
        let answer = timeout(OPERATION_TIMEOUT, command.query_async(&mut link.commands)).await;
        self.judge(generation, answer, effect)
    }

    /// Runs a script by its hash, and by its text where the server does not know the hash: then nothing has run yet.
    pub(crate) async fn run<T: FromRedisValue>(
        &self,
        script: &Prepared,
        keys: &[&[u8]],
        arguments: &[&[u8]],
        effect: Effect,
    ) -> Result<T> {
        let (generation, mut link) = self.link(effect)?;
        let commands = &mut link.commands;
        let both = async move {
            let by_hash = script_call("EVALSHA", &script.hash, keys, arguments);
            match by_hash.query_async(commands).await {
                Err(error) if is_unknown_script(&error) => {
                    let by_text = script_call("EVAL", &script.text, keys, arguments);
                    by_text.query_async(commands).await
                }
                answer => answer,
            }
        };
        let answer = timeout(OPERATION_TIMEOUT, both).await;
        self.judge(generation, answer, effect)
    }

    fn judge<T>(
        &self,
        generation: u64,
        answer: Result<Result<T, RedisError>, tokio::time::error::Elapsed>,
        effect: Effect,
    ) -> Result<T> {
        match answer {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(error)) => {
                if breaks_connection(&error) {
                    self.broken.send_replace(generation);
                }
                Err(from_redis(&error, effect, &self.secrets))
            }
            Err(_) => Err(unanswered(effect).with_context("server", self.settings.shown_url())),
        }
    }

    /// Listens to a channel and returns when the server has confirmed it.
    pub(crate) async fn subscribe(self: &Arc<Self>, channel: Vec<u8>) -> Result<Subscription> {
        let (generation, mut link) = self.link(Effect::Read)?;
        let mailbox = self
            .subscriptions
            .add(&channel, self.settings.subscribe_pattern_buffer);
        // From here on dropping it undoes what was done.
        let subscription = Subscription::new(self, channel, mailbox);
        let answer = timeout(OPERATION_TIMEOUT, link.sink.subscribe(subscription.channel())).await;
        self.judge(generation, answer, Effect::Read)?;
        Ok(subscription)
    }
}

/// A stay that `Client::close` waits for.
pub(crate) struct StayCount(Arc<Client>);

impl Drop for StayCount {
    fn drop(&mut self) {
        self.0.stays.send_modify(|stays| *stays -= 1);
    }
}

fn script_call(verb: &str, script: &str, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
    let mut command = redis::cmd(verb);
    command.arg(script).arg(keys.len());
    for part in keys.iter().chain(arguments) {
        command.arg(*part);
    }
    command
}

fn is_unknown_script(error: &RedisError) -> bool {
    error.kind() == redis::ErrorKind::Server(redis::ServerErrorKind::NoScript)
}
