from storage_first.openapi.outcomes import outcomes


def only(template):
    (outcome,) = outcomes(template)
    return outcome


def statuses(template):
    return sorted(str(outcome.status) for outcome in outcomes(template))


def test_a_template_without_directives_overrides_nothing():
    outcome = only('{"id": "$input.path(\'$.id\')"}')

    assert (outcome.status, outcome.headers, outcome.detail) == (None, {}, None)


def test_a_status_is_found_through_the_variable_that_holds_it():
    assert only("#set($status = 404)#set($context.responseOverride.status = $status)").status == 404


def test_each_branch_is_an_outcome_of_its_own():
    template = """#if($a)#set($status = 422)#elseif($b)#set($status = 413)#{else}#set($status = 500)#end
    #set($context.responseOverride.status = $status)"""

    assert statuses(template) == ["413", "422", "500"]


def test_an_if_without_else_may_be_passed_by():
    assert statuses("#if($a)#set($context.responseOverride.status = 404)#end") == ["404", "None"]


def test_what_follows_a_nested_block_still_belongs_to_its_branch():
    template = """#if($a)#if($b)x#end#set($context.responseOverride.status = 404)#{else}
    #set($context.responseOverride.status = 503)#end"""

    assert statuses(template) == ["404", "503"]


def test_a_header_is_set_only_where_its_branch_sets_it():
    template = '#if($open)#set($context.responseOverride.header.Retry-After = "1")#end{}'

    assert [dict(outcome.headers) for outcome in outcomes(template)] == [{"Retry-After": "1"}, {}]


def test_a_header_made_of_the_request_has_no_fixed_value():
    template = '#set($href = "$base/jobs/$item.id.S")#set($context.responseOverride.header.Location = $href)'

    assert only(template).headers == {"Location": None}


def test_a_detail_is_told_with_the_signs_that_stand_for_themselves():
    template = """#set($quote = '"')#set($detail = "Say ${quote}please${quote} to $name!")"""

    assert only(template).detail == 'Say "please" to ...!'


def test_many_branches_that_decide_nothing_do_not_multiply():
    template = "#if($a)1#{else}2#end" * 60

    assert len(outcomes(template)) == 1


def test_a_loop_may_run_and_may_not():
    assert statuses("#foreach($x in $all)#set($context.responseOverride.status = 404)#end") == ["404", "None"]
