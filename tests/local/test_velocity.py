"""What the renderer promises by itself; that it renders as Velocity does is shown in tests/oracle."""

import json

import pytest

from storage_first.local.velocity import TemplateError, TemplateInput, _gateway, render

ESCAPED = '$util.escapeJavaScript({}).replaceAll("\\\\\'","\'")'


def text(template: str, body: str = "", **event) -> str:
    return render(template, TemplateInput(body=body, **event)).text


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("$input.body", '{"a": [1, "x"], "n": null}'),
        ("$input.json('$.a')", '[1,"x"]'),
        ("$input.json('$.n')", "null"),
        ("$input.json('$.missing')", '""'),
        ("$input.path('$.a')[1]", "x"),
        ("$input.path('$.a').size()", "2"),
        ("#foreach($x in $input.path('$.a'))<$x>#end", "<1><x>"),
    ],
)
def test_input_reads_the_body(template, expected):
    assert text(template, body='{"a": [1, "x"], "n": null}') == expected


def test_input_params_search_path_then_query_then_headers():
    event = {
        "path": {"a": "path"},
        "querystring": {"a": "query", "b": "query"},
        "header": {"a": "header", "b": "header", "c": "header"},
    }

    rendered = text("$input.params('a') $input.params('b') $input.params('c') [$input.params('d')]", **event)

    assert rendered == "path query header []"


def test_a_query_parameter_does_not_pass_for_a_header_that_is_read_by_name():
    event = {"querystring": {"Idempotency-Key": "spoofed"}, "header": {"Idempotency-Key": "real"}}

    assert text("$input.params().header.get('Idempotency-Key')", **event) == "real"


def test_an_empty_body_is_an_empty_object():
    assert text("$input.body $input.json('$') $input.path('$').size()") == "{} {} 0"


@pytest.mark.parametrize("body", ["{", "{'a': 1}", "[1,]", "nul", "NaN", '"\u0001"', "[" * 100_000, "1" * 5000])
def test_a_body_that_is_not_json_fails_the_template_only_where_it_is_read(body):
    assert text("$input.body", body=body) == body
    with pytest.raises(TemplateError):
        text("$input.json('$')", body=body)


@pytest.mark.parametrize(
    "hostile", ["'", '"', "\\'", 'x"},"admin":{"BOOL":true},"y":{"S":"', "$context.stage #end", "é😀\u2028\n\0", "</"]
)
def test_an_escaped_string_adds_nothing_to_the_json_around_it(hostile):
    template = f'{{"pk": {{"S": "{ESCAPED.format("$input.params().querystring.k")}"}}}}'

    rendered = text(template, querystring={"k": hostile})

    assert json.loads(rendered) == {"pk": {"S": hostile}}


def test_what_a_client_sends_is_never_taken_for_a_template():
    assert text("$input.params('q')", querystring={"q": "$context.a #set($x = 1)${x}"}) == "$context.a #set($x = 1)${x}"


def test_strings_are_measured_in_utf_16_units_and_come_out_whole():
    rendered = text("#set($s = $input.path('$'))$s.length() $s $s.substring(0,1).length()", body='"😀"')

    assert rendered == "2 😀 1"


def test_half_a_character_is_printed_as_java_encodes_it():
    assert text("$input.params('q').substring(1)", querystring={"q": "😀"}) == "?"


def test_utilities_encode_utf_8():
    rendered = text(
        "$util.base64Encode('é') $util.base64Decode('w6k=') $util.urlEncode('é ~*') $util.urlDecode('%C3%A9+x') "
        "$util.parseJson('{\"a\":[true]}').a[0]"
    )

    assert rendered == "w6k= é %C3%A9+%7E* é x true"


def test_overrides_are_captured():
    rendered = render(
        "#set($context.responseOverride.status = 201)"
        '#set($context.responseOverride.header.Retry-After = "1")'
        "#set($context.responseOverride.header['X-Count'] = 2)"
        "#set($context.requestOverride.header.H = 'h')"
        "#set($context.requestOverride.path.id = 'é')"
        "#set($context.requestOverride.querystring.q = $context.requestOverride.path.id)text",
        TemplateInput(),
    )

    assert (rendered.text, rendered.status) == ("text", 201)
    assert rendered.headers == {"Retry-After": "1", "X-Count": "2", "H": "h"}
    assert rendered.path == {"id": "é"}
    assert rendered.querystring == {"q": "é"}


def test_nothing_is_overridden_unless_the_template_does():
    rendered = render("x", TemplateInput())

    assert (rendered.status, rendered.headers, rendered.path, rendered.querystring) == (None, {}, {}, {})


@pytest.mark.parametrize(
    "template",
    [
        "#set($context.responseOverride.status = 201)#set($context.responseOverride.status = 201)",
        "#set($context.responseOverride.header.A = 'x')#set($context.responseOverride.header.A = 'y')",
        "#set($context.requestOverride.path.A = 'x')#set($context.requestOverride.path['A'] = 'y')",
        "$!context.responseOverride.put('status', 1)$!context.responseOverride.put('status', 2)",
    ],
)
def test_overriding_the_same_thing_twice_is_an_error(template):
    with pytest.raises(TemplateError, match="overridden a second time"):
        text(template)


@pytest.mark.parametrize("status", ["'teapot'", "0", "20", "2000", "200.5", "true"])
def test_an_override_that_is_no_status_is_an_error(status):
    with pytest.raises(TemplateError, match="no status code"):
        text(f"#set($context.responseOverride.status = {status})")


def test_a_rendering_leaves_no_trace_in_the_next_nor_in_its_input():
    context = {"list": [1], "map": {"a": "b"}}
    event = TemplateInput(context=context)
    template = (
        "$!x$!context.new#set($x = 1)#set($context.new = 2)#set($context.map.a = 'c')$!context.list.add(2)"
        "#set($context.responseOverride.status = 201)$context.map.a $context.list.size()"
    )

    first, second = render(template, event), render(template, event)

    assert first == second
    assert first.text == "truec 2"
    assert context == {"list": [1], "map": {"a": "b"}}


def test_a_template_is_parsed_once():
    template = "parsed once: $context.a"
    text(template)
    before = _gateway._compile.cache_info()

    text(template)

    after = _gateway._compile.cache_info()
    assert (after.hits, after.misses) == (before.hits + 1, before.misses)


def test_an_undefined_reference_is_an_empty_string_and_true():
    template = '[$a.b()] [$!a.b()] #if($a)yes#{else}no#end #if("$!a" == "")empty#end #if($a == \'\')empty#end'

    assert text(template) == "[] [] yes empty empty"


@pytest.mark.parametrize(
    ("template", "expected"),
    [
        ("#hello()", "#hello()"),
        ("#hello($context.a 'x') $context.a", "#hello($context.a 'x') a"),
        ("#@hello($context.a)$context.a#end", "#@hello($context.a)$context.a#end"),
        ("#evaluate('$context.a')", "#evaluate('$context.a')"),
        ("#return($context.a)", "#return($context.a)"),
    ],
)
def test_a_directive_that_api_gateway_does_not_know_prints_as_it_is(template, expected):
    assert text(template, context={"a": "a"}) == expected


def test_a_macro_prints_nothing_and_its_calls_print_as_they_are():
    assert text("a\n#macro(hello $x)\nHello $x\n#end\n#hello('you')") == "a\n#hello('you')"


def test_a_define_renders_anew_wherever_it_is_used():
    template = "#define($item)<$context.a $foreach.index>#end#foreach($i in [1..2])$item#end"

    assert text(template, context={"a": "a"}) == "<a 0><a 1>"


@pytest.mark.parametrize(("directive", "kept"), [("#break", "1.end"), ("#stop", "1."), ("#stop(now)", "1.")])
def test_a_loop_can_be_left(directive, kept):
    assert text(f"#foreach($i in [1..3])#if($i == 2){directive}#end$i.#{{end}}end") == kept


@pytest.mark.parametrize("directive", ["#parse('x')", "#include('x')"])
def test_there_are_no_other_files(directive):
    with pytest.raises(TemplateError, match="no other files"):
        text(directive)


@pytest.mark.parametrize(
    ("template", "complaint"),
    [
        ("a\n  #if($x", "line 2, column 3: #if\\(\\$x: expected \\)"),
        ("#end", "line 1, column 1: #end: #end without #if"),
        ("a\nb #foreach($x in [1])\n$x", "line 2, column 3: .*expected #end"),
        ("$x.y[", "expected an index"),
        ("${x", "line 1, column 1: \\$\\{x: expected }"),
        ("\n$", "line 2, column 1: \\$: a \\$ cannot be the last character"),
        ("#set($x = 3 -1)", "expected \\) before '-1\\)'"),
        ('#set($x = "$y[")', 'in the string "\\$y\\[": line 1, column 5'),
        ("#set($x = 'abc)", "without its closing quote"),
        ("#break(1)", "not a loop"),
        ("#foreach(x in [1])#end", "expected #foreach\\(\\$item in \\$items\\)"),
        ("#macro($m)x#end", "expected #macro\\(name"),
        ("#define(m)x#end", "expected #define"),
        ("#set($m = {[1]: 2})", "UnsupportedOperation"),
    ],
)
def test_a_malformed_template_says_where_and_why(template, complaint):
    with pytest.raises(TemplateError, match=complaint):
        text(template)


@pytest.mark.parametrize(
    ("expression", "complaint"),
    [
        ("$context.s.substring(9)", "line 2, column 1: .*StringIndexOutOfBounds.*begin 9, end 3, length 3"),
        ("$context.s.substring(2, 1)", "StringIndexOutOfBounds"),
        ("$context.s.matches('[')", "PatternSyntax"),
        ("$context.s.matches('\\p{Nonsense}')", "PatternSyntax"),
        ("$context.s.replaceAll('a', '$1')", "No group 1"),
        ("$context.s.length(1)", "wrong number of arguments"),
        ("$input.path('$[')", "InvalidPath"),
        ("$input.path('$.l').get(5)", "Index 5 out of bounds for length 1"),
        ("$util.base64Decode('!')", "IllegalArgument"),
        ("$util.urlDecode('%')", "IllegalArgument"),
        ("$util.urlEncode(null)", "NullPointer"),
        ("#set($l = $input.path('$.l'))$l.add($l) $l", "nested too deeply"),
        ("#define($x)$x#end$x", "nested too deeply"),
    ],
)
def test_a_method_that_throws_fails_the_template_and_says_where(expression, complaint):
    with pytest.raises(TemplateError, match=complaint):
        text("\n" + expression, body='{"l": [1]}', context={"s": "abc"})


def test_a_template_of_more_than_300_kb_is_an_error():
    assert text("é" * 153_600) == "é" * 153_600
    with pytest.raises(TemplateError, match="307201 bytes, API Gateway allows 307200"):
        text("é" * 153_600 + "x")


def test_a_loop_of_more_than_1000_iterations_is_an_error():
    assert text("#foreach($x in [1..1000])#end.") == "."
    with pytest.raises(TemplateError, match="1001 iterations, API Gateway allows 1000"):
        text("#foreach($x in [1..1001])#end")
    with pytest.raises(TemplateError, match="too long"):
        text("#set($x = [0..2000000000])")


@pytest.mark.parametrize("template", ["#if(true)" * 5000, "#set($x = " + "(" * 5000, "$x" + "[$x" * 5000])
def test_a_template_nested_beyond_reason_is_an_error(template):
    with pytest.raises(TemplateError):
        text(template)


@pytest.mark.parametrize(("template", "kept"), [("a #stop b", "a "), ("a#break b", "a")])
def test_a_template_can_end_itself(template, kept):
    assert text(template) == kept


@pytest.mark.parametrize("call", ["getClass()", "class", "class.forName('java.lang.Runtime')", "format('%s', 1)"])
def test_there_is_no_way_to_reflection(call):
    assert text(f"$context.s.{call}", context={"s": "x"}) == ""
