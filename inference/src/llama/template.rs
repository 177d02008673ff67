//! Chat templates: Jinja programs that come with a model and write a conversation as its training had it.
//!
//! They are a stranger's programs: they see the conversation and nothing else, and run on a ration of steps.

use minijinja::syntax::SyntaxConfig;
use minijinja::{Environment, ErrorKind as Fault, UndefinedBehavior, Value, context};
use reelsmith_inference_core::chat::Message;
use reelsmith_inference_core::{ErrorKind, InferenceError, Result};

/// Steps of a template; one message takes some hundred.
const FUEL: u64 = 5_000_000;
/// The most bytes of a template.
const MOST_BYTES: usize = 1 << 20;
/// The name under which a template raises its own errors.
const RAISE: &str = "raise_exception";

/// A model's way of writing conversations.
pub(super) struct Template {
    source: String,
    beginning: String,
    end: String,
}

impl Template {
    /// A template in the dialect of Hugging Face's `apply_chat_template`, and the texts of the tokens at the beginning
    /// and the end of a text.
    ///
    /// # Errors
    /// `ModelCorrupt` if it is no template.
    pub(super) fn new(source: &str, beginning: String, end: String) -> Result<Self> {
        let corrupt = |why: String| {
            InferenceError::new(
                ErrorKind::ModelCorrupt,
                format!("the model's chat template cannot be used: {why}"),
            )
        };
        if source.len() > MOST_BYTES {
            return Err(corrupt(format!("it has {} bytes, more than {MOST_BYTES}", source.len())));
        }
        environment().template_from_str(source).map_err(|e| corrupt(e.to_string()))?;
        Ok(Self { source: source.to_owned(), beginning, end })
    }

    /// The conversation, up to where the answer begins.
    ///
    /// # Errors
    /// `InvalidRequest` if the template refuses the conversation (roles that do not alternate, for example), takes
    /// too many steps for it, or writes more than `most` bytes.
    pub(super) fn render(&self, messages: &[Message], most: usize) -> Result<String> {
        let turns: Vec<Value> = messages
            .iter()
            .map(|message| context! { role => message.role.name(), content => message.content.as_str() })
            .collect();
        let known = context! {
            messages => turns, add_generation_prompt => true, bos_token => self.beginning.as_str(),
            eos_token => self.end.as_str(),
        };
        let environment = environment();
        let mut written = Bounded { bytes: Vec::new(), most };
        let rendered = environment
            .template_from_str(&self.source)
            .and_then(|template| template.render_captured_to(known, &mut written).map(drop));
        rendered.map_err(|error| {
            let why = error.detail().unwrap_or_default();
            let message = match error.kind() {
                Fault::OutOfFuel | Fault::WriteFailure => {
                    "it is too long for the model's chat template".to_owned()
                }
                _ => format!("the model's chat template refuses it: {}: {why}", error.kind()),
            };
            InferenceError::new(
                ErrorKind::InvalidRequest,
                format!("the conversation cannot be written: {message}"),
            )
            .with_source(error)
        })?;
        String::from_utf8(written.bytes).map_err(|error| {
            InferenceError::new(ErrorKind::Engine, "the chat template wrote no text").with_source(error)
        })
    }
}

/// What a template writes, up to a length.
struct Bounded {
    bytes: Vec<u8>,
    most: usize,
}

impl std::io::Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        if self.bytes.len() + bytes.len() > self.most {
            return Err(std::io::ErrorKind::FileTooLarge.into());
        }
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

/// As transformers sets up Jinja (`transformers/utils/chat_template_utils.py`).
fn environment() -> Environment<'static> {
    let mut environment = Environment::new();
    let syntax = SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build();
    environment.set_syntax(syntax.expect("the usual delimiters differ from each other"));
    environment.set_undefined_behavior(UndefinedBehavior::Lenient);
    environment.set_recursion_limit(64);
    environment.set_fuel(Some(FUEL));
    environment.set_unknown_method_callback(minijinja_contrib::pycompat::unknown_method_callback);
    environment.add_function(RAISE, |message: String| -> std::result::Result<Value, minijinja::Error> {
        Err(minijinja::Error::new(Fault::InvalidOperation, message))
    });
    environment
}

#[cfg(test)]
mod tests {
    use super::*;
    use reelsmith_inference_core::chat::Role;

    const MOST: usize = 1 << 20;

    fn turn(role: Role, content: &str) -> Message {
        Message { role, content: content.into() }
    }

    fn template(source: &str) -> Result<Template> {
        Template::new(source, "<s>".into(), "</s>".into())
    }

    #[test]
    fn turns_are_written_with_blocks_trimmed_as_transformers_does() {
        let source = "{{ bos_token }}\n{% for m in messages %}\n  {% if m['role'] == 'user' %}\n[{{ m.content.strip() }}]\n  {% endif %}\n{% endfor %}\n{% if add_generation_prompt %}>{% endif %}\n";
        let written = template(source).unwrap().render(&[turn(Role::User, " a ")], MOST).unwrap();
        assert_eq!(written, "<s>\n[a]\n>");
    }

    #[test]
    fn a_template_that_refuses_says_why() {
        let source = "{{ raise_exception('roles must alternate') }}";
        let error = template(source).unwrap().render(&[turn(Role::User, "a")], MOST).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidRequest);
        assert!(error.to_string().contains("roles must alternate"), "{error}");
    }

    #[test]
    fn a_template_that_never_ends_is_ended() {
        let source = "{% for a in range(9999) %}{% for b in range(9999) %}{% endfor %}{% endfor %}";
        let error = template(source).unwrap().render(&[turn(Role::User, "a")], MOST).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }

    #[test]
    fn a_template_that_writes_without_end_is_ended() {
        let source = "{% for a in range(99999) %}{{ messages[0].content }}{% endfor %}";
        let error =
            template(source).unwrap().render(&[turn(Role::User, &"a".repeat(9999))], MOST).unwrap_err();
        assert!(error.to_string().contains("too long"), "{error}");
    }

    #[test]
    fn what_is_no_template_is_refused_when_the_model_is_loaded() {
        assert_eq!(template("{% for %}").err().map(|e| e.kind()), Some(ErrorKind::ModelCorrupt));
        assert_eq!(
            template(&" ".repeat(MOST_BYTES + 1)).err().map(|e| e.kind()),
            Some(ErrorKind::ModelCorrupt)
        );
    }
}
