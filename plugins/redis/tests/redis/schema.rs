//! The schema that tools read without running the plugin.

use std::path::Path;

use mcpg_cluster_redis::RedisPlugin;
use mcpg_plugin_sdk::check_schema_files;

#[test]
fn the_committed_schemas_are_the_generated_one() {
    let package = Path::new(env!("CARGO_MANIFEST_DIR"));
    let files = [
        &*package.join("schema.json"),
        &package.join("../../schemas/cluster-redis.json"),
    ];
    check_schema_files::<RedisPlugin>(&files).unwrap();
}
