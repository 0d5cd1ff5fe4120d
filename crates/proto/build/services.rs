//! One trait per service, generic over the caller's context, and its erased form for the dispatch table.

use std::fmt::Write;

use prost_build::{Service, ServiceGenerator};

use crate::names::snake;

/// Writes the trait, its dispatcher and the constructor of a service behind its messages.
pub(crate) struct Traits;

impl ServiceGenerator for Traits {
    fn generate(&mut self, service: Service, buf: &mut String) {
        // Writing to a string cannot fail.
        let _ = service_trait(&service, buf);
        let _ = dispatcher(&service, buf);
        let _ = constructor(&service, buf);
    }
}

fn service_trait(service: &Service, buf: &mut String) -> std::fmt::Result {
    service.comments.append_with_indent(0, buf);
    writeln!(
        buf,
        "pub trait {}<C: Send + 'static>: Send + Sync + 'static {{",
        service.name
    )?;
    for method in &service.methods {
        method.comments.append_with_indent(1, buf);
        writeln!(
            buf,
            "    fn {}(&self, cx: C, req: {}) -> impl ::std::future::Future<Output = ::std::result::Result<{}, crate::rpc::Status>> + Send {{\n        \
             let _ = (cx, req);\n        async {{ Err(crate::rpc::Status::not_implemented({:?})) }}\n    }}",
            method.name, method.input_type, method.output_type, method.proto_name
        )?;
    }
    writeln!(buf, "}}")
}

fn dispatcher(service: &Service, buf: &mut String) -> std::fmt::Result {
    let name = &service.name;
    let mut methods: Vec<_> = service.methods.iter().collect();
    methods.sort_by(|left, right| left.proto_name.cmp(&right.proto_name));
    writeln!(
        buf,
        "struct {name}Dispatch<T>(::std::sync::Arc<T>);\n\
         impl<C: Send + 'static, T: {name}<C>> crate::rpc::Dispatch<C> for {name}Dispatch<T> {{\n    \
         fn call(&self, info: &'static crate::rpc::MethodInfo, cx: C, input: crate::rpc::Input<'_>) -> ::std::result::Result<crate::rpc::CallFuture, crate::rpc::Status> {{\n        \
         let handler = ::std::sync::Arc::clone(&self.0);\n        match info.index {{"
    )?;
    for (index, method) in methods.iter().enumerate() {
        writeln!(
            buf,
            "            {index} => crate::rpc::unary(info, input, move |req| async move {{ handler.{}(cx, req).await }}),",
            method.name
        )?;
    }
    writeln!(
        buf,
        "            _ => crate::rpc::unknown(info),\n        }}\n    }}\n}}"
    )
}

fn constructor(service: &Service, buf: &mut String) -> std::fmt::Result {
    let full = format!("{}.{}", service.package, service.proto_name);
    writeln!(
        buf,
        "/// Makes the methods of `{full}` callable; what `handler` does not define answers Unimplemented.\n\
         pub fn {}<C: Send + 'static, T: {}<C>>(handler: T) -> crate::rpc::Service<C> {{\n    \
         crate::rpc::Service::new({full:?}, ::std::sync::Arc::new({}Dispatch(::std::sync::Arc::new(handler))))\n}}",
        snake(&service.name),
        service.name,
        service.name
    )
}
