//! The schema that tools read without running the plugin.

use std::path::Path;

use mcpg_cluster_redis::RedisPlugin;
use mcpg_plugin_sdk::config_schema;

#[test]
fn the_committed_schemas_are_the_generated_one() {
    let schema = config_schema::<RedisPlugin>();
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    for path in ["schema.json", "../../schemas/cluster-redis.json"] {
        let path = package.join(path);
        if std::env::var_os("MCPG_REGENERATE").is_some_and(|value| value == "1") {
            std::fs::write(&path, &schema).unwrap();
        }
        let found = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            found == schema,
            "{} is stale; run `MCPG_REGENERATE=1 cargo test -p mcpg-cluster-redis schema`",
            path.display()
        );
    }
}
