//! A coordinator with its primitives.

use std::sync::Arc;

use futures_util::StreamExt;
use mcpg_cluster::{Connection, Coordinator, Primitives};
use mcpg_plugin_abi::{
    AbiCoordinator, AbiItem, AbiSupport, Answer, CoordinatorTrait, CoordinatorTrait_TO, StreamObject,
    TD_Opaque,
};

use super::{key_value, lease, presence, pubsub, stream, watch};
use crate::convert;
use crate::guard::{Call, Held, future};

/// Makes a coordinator cross the border.
pub(crate) fn export(coordinator: Arc<dyn Coordinator>) -> AbiCoordinator {
    let Primitives {
        key_value,
        pubsub,
        lease,
        watch,
        presence,
    } = coordinator.primitives().clone();
    AbiCoordinator {
        kind: coordinator.kind().into(),
        node: coordinator.node().into(),
        coordinator: CoordinatorTrait_TO::from_value(Bridge(Held::new(coordinator)), TD_Opaque),
        key_value: key_value::object(key_value),
        pubsub: pubsub::object(pubsub),
        lease: lease::object(lease),
        watch: watch::object(watch),
        presence: presence::object(presence),
    }
}

struct Bridge(Held<Arc<dyn Coordinator>>);

impl CoordinatorTrait for Bridge {
    fn support(&self) -> Answer<AbiSupport> {
        let coordinator = Arc::clone(&self.0);
        future(Call::Read("support"), async move {
            Ok(convert::support(&coordinator.support()))
        })
    }

    fn connection(&self) -> Answer<StreamObject> {
        let coordinator = Arc::clone(&self.0);
        future(Call::Read("connection"), async move {
            let states = coordinator.connection().map(|state| {
                Ok(match state {
                    Connection::Up(number) => AbiItem::Up(number),
                    Connection::Down => AbiItem::Down,
                })
            });
            Ok(stream::object("connection", states.boxed()))
        })
    }

    fn close(&self) -> Answer<()> {
        let coordinator = Arc::clone(&self.0);
        future(Call::Write("close"), async move { coordinator.close().await })
    }
}
