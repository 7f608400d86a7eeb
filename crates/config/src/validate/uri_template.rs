//! The syntax of URI templates (RFC 6570).

/// More expressions than any template needs, few enough to match a URI against quickly.
const MAXIMUM_EXPRESSIONS: usize = 32;

/// Checks a template.
///
/// # Errors
/// A sentence that says what is wrong.
pub(super) fn check(template: &str) -> Result<(), String> {
    let mut rest = template;
    let mut expressions = 0;
    while let Some((literal, after)) = rest.split_once('{') {
        check_literal(literal)?;
        let (expression, behind) = after
            .split_once('}')
            .ok_or_else(|| "a `{` has no `}`".to_owned())?;
        check_expression(expression)?;
        expressions += 1;
        rest = behind;
    }
    check_literal(rest)?;
    if expressions > MAXIMUM_EXPRESSIONS {
        return Err(format!("more than {MAXIMUM_EXPRESSIONS} expressions"));
    }
    if expressions == 0 {
        return Err("a template without a variable is a resource".to_owned());
    }
    Ok(())
}

/// The names of the variables in a template.
pub(super) fn variables(template: &str) -> Vec<String> {
    let expressions = template
        .split('{')
        .skip(1)
        .filter_map(|after| after.split('}').next());
    let variables = expressions.flat_map(|expression| expression.split(','));
    variables
        .map(|variable| {
            let name = variable.trim_start_matches(['+', '#', '.', '/', ';', '?', '&']);
            name.trim_end_matches('*')
                .split(':')
                .next()
                .unwrap_or_default()
                .to_owned()
        })
        .collect()
}

fn check_literal(literal: &str) -> Result<(), String> {
    let forbidden = |character: char| {
        character.is_whitespace() || character.is_control() || "\"'<>\\^`|}".contains(character)
    };
    match literal.chars().find(|character| forbidden(*character)) {
        Some(character) => Err(format!(
            "`{}` may not stand outside `{{...}}`",
            character.escape_debug()
        )),
        None => Ok(()),
    }
}

fn check_expression(expression: &str) -> Result<(), String> {
    let variables = expression
        .strip_prefix(['+', '#', '.', '/', ';', '?', '&'])
        .unwrap_or(expression);
    for variable in variables.split(',') {
        let name = variable.strip_suffix('*').unwrap_or(variable);
        let name = match name.split_once(':') {
            Some((name, length)) if matches!(length.parse(), Ok(1..=9_999_u16)) => name,
            Some(_) => return Err(format!("`{variable}` has a length that is not 1..=9999")),
            None => name,
        };
        let plain = |character: char| character.is_ascii_alphanumeric() || "_.%".contains(character);
        if name.is_empty() || !name.chars().all(plain) {
            return Err(format!("`{{{expression}}}` is not an expression with variables"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;

    #[test]
    fn templates_of_the_standard_are_known() {
        for template in [
            "notes://{id}",
            "file:///{+path}",
            "x://{a,b}/{c*}{?q,r}{#f:3}",
            "x:{a.b}",
        ] {
            assert_eq!(check(template), Ok(()), "{template}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for template in [
            "notes://x",
            "x://{",
            "x://}",
            "x://{}",
            "x://{a b}",
            "x y://{a}",
            "x://{a:0}",
            "x://{a,}",
        ] {
            assert!(check(template).is_err(), "{template}");
        }
    }
}
